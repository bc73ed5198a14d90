package etalage.encode;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;

/** The native library of Hugging Face's tokenizers, taken out of its jar once per process, into the folder for temporary files. */
final class Libraries {
    private static boolean loaded;
    private static String failure;

    private Libraries() {}

    /**
     * The library, loaded.
     *
     * @throws UnsatisfiedLinkError it cannot be: there is none for this system, or the folder for temporary files does not allow it
     */
    static synchronized TokenizersLibrary tokenizers() {
        if (!loaded && failure == null) {
            try {
                load();
                loaded = true;
            } catch (IOException | UnsatisfiedLinkError error) {
                failure = error.getMessage();
            }
        }
        if (!loaded) {
            throw new UnsatisfiedLinkError("the native tokenizer library cannot be loaded: " + failure + ". It runs on Linux with glibc on "
                    + "x86-64 and arm64, from a folder for temporary files (java.io.tmpdir) that lets programs run.");
        }
        return TokenizersLibrary.LIB;
    }

    private static void load() throws IOException {
        String machine = System.getProperty("os.arch").equals("amd64") ? "x86_64" : System.getProperty("os.arch");
        String system = System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("mac") ? "osx" : "linux";
        String name = System.mapLibraryName("tokenizers");
        String resource = "native/lib/" + system + "-" + machine + "/cpu/" + name;
        Path file = Files.createTempFile("etalage-", name);
        try (InputStream library = TokenizersLibrary.class.getClassLoader().getResourceAsStream(resource)) {
            if (library == null) throw new IOException("the plugin has no " + resource);
            Files.copy(library, file, StandardCopyOption.REPLACE_EXISTING);
            // Of the same class loader as TokenizersLibrary, which is how Java finds the library's functions for it.
            System.load(file.toAbsolutePath().toString());
        } finally {
            // What is loaded stays so without its file.
            Files.deleteIfExists(file);
        }
    }
}
