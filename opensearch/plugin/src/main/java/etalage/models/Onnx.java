package etalage.models;

import java.nio.charset.StandardCharsets;
import java.util.Set;

/**
 * Looks through an ONNX file before anything runs it: what could read other files or never end is refused.
 *
 * <p>Only the parts of onnx.proto that matter here are read: graph, nodes with their attributes, tensors. Depth is bounded, because
 * graphs within graphs are refused.
 */
final class Onnx {
    private static final Set<String> DOMAINS = Set.of("", "ai.onnx", "com.microsoft");

    private Onnx() {}

    /** Throws IllegalArgumentException, starting with {@code what}, unless the bytes are an ONNX model of plain operators, all in one. */
    static void check(String what, byte[] model) {
        boolean graph = false;
        try {
            Message file = new Message(model, 0, model.length);
            while (file.next()) {
                switch (file.field) {
                    case 7 -> {
                        graph(what, file.inner());
                        graph = true;
                    }
                    case 20 -> throw refused(what, "brings training steps");
                    case 25 -> throw refused(what, "brings functions of its own");
                    default -> { }
                }
            }
        } catch (Message.Broken broken) {
            throw new IllegalArgumentException(what + " is not an ONNX file: " + broken.getMessage() + ". Push what `etalage plugin push` packs.");
        }
        if (!graph) {
            throw new IllegalArgumentException(what + " is not an ONNX file: it holds no graph. Push what `etalage plugin push` packs.");
        }
    }

    private static void graph(String what, Message graph) throws Message.Broken {
        while (graph.next()) {
            switch (graph.field) {
                case 1 -> node(what, graph.inner());
                case 5 -> tensor(what, graph.inner());
                case 15 -> sparse(what, graph.inner());
                default -> { }
            }
        }
    }

    private static void node(String what, Message node) throws Message.Broken {
        while (node.next()) {
            if (node.field == 7 && !DOMAINS.contains(node.text())) {
                throw refused(what, "uses operators of another domain: " + shown(node.text()));
            }
            if (node.field == 5) {
                attribute(what, node.inner());
            }
        }
    }

    private static void attribute(String what, Message attribute) throws Message.Broken {
        while (attribute.next()) {
            switch (attribute.field) {
                case 5, 10 -> tensor(what, attribute.inner());
                case 6, 11 -> throw refused(what, "branches or loops (a graph within a node)");
                case 22, 23 -> sparse(what, attribute.inner());
                default -> { }
            }
        }
    }

    private static void sparse(String what, Message sparse) throws Message.Broken {
        while (sparse.next()) {
            if (sparse.field == 1 || sparse.field == 2) {
                tensor(what, sparse.inner());
            }
        }
    }

    private static void tensor(String what, Message tensor) throws Message.Broken {
        while (tensor.next()) {
            if (tensor.field == 13 || tensor.field == 14 && tensor.number != 0) {
                throw refused(what, "keeps its weights in another file");
            }
        }
    }

    private static IllegalArgumentException refused(String what, String why) {
        return new IllegalArgumentException(what + " " + why + ", which is refused. Push a model of plain operators that is one file.");
    }

    private static String shown(String text) {
        return text.length() <= 40 ? text : text.substring(0, 40) + "…";
    }

    /** The fields of one protobuf message, one after another: {@code bytes[at, end)}. */
    private static final class Message {
        /** The bytes are no protobuf. */
        static final class Broken extends Exception {
            private static final long serialVersionUID = 1;

            Broken(String why) {
                super(why);
            }
        }

        private final byte[] bytes;
        private final int end;
        private int at;
        private int from;
        private int wire;
        int field;
        long number;

        Message(byte[] bytes, int at, int end) {
            this.bytes = bytes;
            this.at = at;
            this.end = end;
        }

        /** Goes to the next field; false at the end. */
        boolean next() throws Broken {
            if (at >= end) {
                return false;
            }
            long tag = varint();
            field = (int) (tag >>> 3);
            wire = (int) (tag & 7);
            if (tag >>> 32 != 0 || field == 0) {
                throw new Broken("a field's number at byte " + at + " is wrong");
            }
            switch (wire) {
                case 0 -> number = varint();
                case 1 -> skip(8);
                case 2 -> skip(varint());
                case 5 -> skip(4);
                default -> throw new Broken("a field's type at byte " + at + " is unknown");
            }
            return true;
        }

        /** The message in this field. */
        Message inner() throws Broken {
            slice();
            return new Message(bytes, from, at);
        }

        String text() throws Broken {
            slice();
            return new String(bytes, from, at - from, StandardCharsets.UTF_8);
        }

        private void slice() throws Broken {
            if (wire != 2) {
                throw new Broken("a field at byte " + at + " has the wrong type");
            }
        }

        private void skip(long length) throws Broken {
            if (length < 0 || length > end - at) {
                throw new Broken("it is cut off at byte " + at);
            }
            from = at;
            at += (int) length;
        }

        private long varint() throws Broken {
            long value = 0;
            for (int shift = 0; shift < 64; shift += 7) {
                if (at >= end) {
                    throw new Broken("it is cut off at byte " + at);
                }
                byte one = bytes[at++];
                value |= (long) (one & 0x7f) << shift;
                if (one >= 0) {
                    return value;
                }
            }
            throw new Broken("a number at byte " + at + " is too long");
        }
    }
}
