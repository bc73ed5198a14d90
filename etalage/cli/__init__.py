"""The command line. `--home` and `--json` come after every subcommand; exit codes: 0 done, 1 failed, 2 wrong usage."""

from __future__ import annotations

import logging
import sys
import warnings

import orjson
import typer

from etalage.cli import catalog, jobs, keys, operate, plugin, quality, query, rules, training
from etalage.core.errors import EtalageError

app = typer.Typer(
    name="etalage",
    help="A shop's search: index a catalog, search it, complete what people type, measure and train the ranking.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for module in (catalog, jobs, query, rules, quality, training, operate, plugin, keys):
    module.add_to(app)


def main() -> None:
    """Run the command line and exit."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    # Their warnings repeat what our errors say, or concern nobody.
    for name in ("opensearch", "kombu.connection", "httpx"):
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module=r"(torch|transformers|onnx)\b")
    try:
        app()
    except EtalageError as error:
        print(f"etalage: {error}", file=sys.stderr)
        if "--json" in sys.argv:
            sys.stdout.buffer.write(orjson.dumps(error.as_dict(), option=orjson.OPT_APPEND_NEWLINE))
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(1)
