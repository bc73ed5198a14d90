// Reads {"node", "calls": [{"name", "api", "args"}]} and prints [{"name", "status", "body"}], by the JavaScript client.
import { Client } from "@opensearch-project/opensearch";

let given = "";
for await (const part of process.stdin) given += part;
const { node, calls } = JSON.parse(given);
const client = new Client({ node, maxRetries: 0 });

const answers = [];
for (const { name, api, args } of calls) {
  const [method, ...holders] = api.split(".").reverse();
  const holder = holders.reverse().reduce((inner, part) => inner[part], client);
  try {
    const { statusCode, body } = await holder[method](args);
    answers.push({ name, status: statusCode, body });
  } catch (error) {
    if (!error.meta) throw error;
    answers.push({ name, status: error.meta.statusCode, body: error.meta.body });
  }
}
console.log(JSON.stringify(answers));
await client.close();
