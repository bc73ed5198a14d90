package etalage.models;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;

/** Writes the protobuf of small ONNX models, good and bad. */
final class Protobuf {
    private Protobuf() {}

    /** A field that holds a message or a text. */
    static byte[] field(int number, byte[]... content) {
        byte[] whole = join(content);
        return join(varint((long) number << 3 | 2), varint(whole.length), whole);
    }

    static byte[] field(int number, String text) {
        return field(number, text.getBytes(StandardCharsets.UTF_8));
    }

    static byte[] field(int number, long value) {
        return join(varint((long) number << 3), varint(value));
    }

    static byte[] varint(long value) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (; (value & ~0x7fL) != 0; value >>>= 7) {
            out.write((int) (value & 0x7f | 0x80));
        }
        out.write((int) value);
        return out.toByteArray();
    }

    static byte[] join(byte[]... parts) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (byte[] one : parts) {
            out.writeBytes(one);
        }
        return out.toByteArray();
    }

    /** A node: operator, domain, inputs and outputs (comma lists), attributes. */
    static byte[] node(String operator, String domain, String inputs, String outputs, byte[]... attributes) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (String one : inputs.split(",")) {
            out.writeBytes(field(1, one));
        }
        for (String one : outputs.split(",")) {
            out.writeBytes(field(2, one));
        }
        out.writeBytes(field(4, operator));
        if (!domain.isEmpty()) {
            out.writeBytes(field(7, domain));
        }
        for (byte[] one : attributes) {
            out.writeBytes(field(5, one));
        }
        return field(1, out.toByteArray());
    }

    /** An attribute of one whole number. */
    static byte[] number(String name, long value) {
        return join(field(1, name), field(3, value), field(20, 2));
    }

    /** An attribute of whole numbers. */
    static byte[] numbers(String name, long... values) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.writeBytes(field(1, name));
        for (long one : values) {
            out.writeBytes(field(8, one));
        }
        out.writeBytes(field(20, 7));
        return out.toByteArray();
    }

    /** An input or output of floats; -1 is a length that is free. */
    static byte[] value(int field, String name, long... shape) {
        ByteArrayOutputStream dims = new ByteArrayOutputStream();
        for (long one : shape) {
            dims.writeBytes(field(1, one < 0 ? field(2, "n") : field(1, one)));
        }
        return field(field, field(1, name), field(2, field(1, field(1, 1), field(2, dims.toByteArray()))));
    }

    /** A model of opset 17 of a graph's parts. */
    static byte[] model(byte[]... graph) {
        return join(field(1, 8), field(8, field(1, ""), field(2, 17)), field(7, join(graph), field(2, "g")));
    }

    /** A node that gives the largest number of each row. */
    static byte[] largest(String input, String output) {
        return node("ReduceMax", "", input, output, number("keepdims", 0), numbers("axes", 1));
    }

    /** A ranker that scores a row by the largest of its {@code columns}. */
    static byte[] ranker(int columns) {
        return model(largest("features", "scores"), value(11, "features", -1, columns), value(12, "scores", -1));
    }
}
