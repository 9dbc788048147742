// Plays the kit's vectors on an engine of your own, in JUnit 5. To copy, and to change: give `engine()` yours.
//
// Needs Gson. The archive's folder `vectors` is looked for in the system property "conformance.vectors", else in
// "vectors". What is compared, and what is not, is said in MESSAGES.md. Leave out fields at their default, as the vectors do.

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

public class ConformanceTest {

    /** What is put to the test. */
    public interface Engine {
        JsonObject begin(long at, JsonObject config) throws Exception;

        JsonObject step(JsonObject event) throws Exception;

        JsonElement snapshot() throws Exception;

        JsonObject restore(JsonElement snapshot) throws Exception;
    }

    /** Your engine. */
    protected Engine engine() throws Exception {
        throw new UnsupportedOperationException("give ConformanceTest.engine() your engine");
    }

    /** What it can beyond the core; vectors that need more are left out. */
    protected Set<String> features() {
        return Set.of("background", "entries", "files", "follow", "forms", "push", "reattach", "receipts",
                "secure_forms", "snapshot", "typing", "v1");
    }

    @TestFactory
    Stream<DynamicTest> vectors() throws Exception {
        List<DynamicTest> tests = new ArrayList<>();
        Path folder = Path.of(System.getProperty("conformance.vectors", "vectors"), "engine");
        List<Path> files;
        try (Stream<Path> found = Files.list(folder)) {
            files = found.sorted().collect(Collectors.toList());
        }
        for (Path file : files) {
            for (JsonElement one : JsonParser.parseString(Files.readString(file)).getAsJsonArray()) {
                JsonObject vector = one.getAsJsonObject();
                boolean playable = true;
                for (JsonElement feature : array(vector, "requires")) {
                    playable &= features().contains(feature.getAsString());
                }
                if (playable) tests.add(dynamicTest(vector.get("id").getAsString(), () -> new Play(vector).run()));
            }
        }
        return tests.stream();
    }

    private static JsonArray array(JsonObject object, String name) {
        return object.has(name) ? object.getAsJsonArray(name) : new JsonArray();
    }

    /** One vector, played. Ids need not be equal, only used consistently: ours stand for theirs from then on. */
    private final class Play {
        private final JsonObject vector;
        private final Engine engine = engine();
        private final JsonObject config;
        private final Map<JsonElement, JsonElement> theirs = new HashMap<>();
        private final Map<JsonElement, JsonElement> ours = new HashMap<>();
        private JsonElement former;

        Play(JsonObject vector) throws Exception {
            this.vector = vector;
            this.config = vector.has("config") ? vector.getAsJsonObject("config") : new JsonObject();
        }

        void run() throws Exception {
            engine.begin(vector.get("at").getAsLong(), config);
            int number = 0;
            for (JsonElement one : array(vector, "steps")) {
                JsonObject step = one.getAsJsonObject();
                number++;
                if (step.has("level")) return; // it rests on an inference: neither it nor what follows binds anybody
                compare("step " + number, step.getAsJsonObject("expect"), take(step));
            }
        }

        private JsonObject take(JsonObject step) throws Exception {
            if (step.has("reload")) return engine.restore(engine.snapshot());
            if (step.has("follow")) {
                former = engine.snapshot();
                return engine.begin(step.get("follow").getAsLong(), config);
            }
            JsonObject event = renamed(step.get("event"), theirs).getAsJsonObject();
            if (event.has("command")) {
                event.add("command", theirs.getOrDefault(event.get("command"), event.get("command")));
            }
            String type = event.get("type").getAsString();
            if (former != null && (type.equals("request_chat") || type.equals("reattach"))) {
                event.add("after", former);
                former = null;
            }
            return engine.step(event);
        }

        private void compare(String where, JsonObject expect, JsonObject shown) {
            assertEquals(expect.has("refused"), shown.has("refused"), where + ": refused");
            if (expect.has("refused")) return;
            for (String name : List.of("phase", "outcome", "deadline")) {
                assertEquals(member(expect, name), member(shown, name), where + ": " + name);
            }
            compare(where + ": commands", transcript(expect, "commands"), transcript(shown, "commands"));
            compare(where + ": updates", transcript(expect, "updates"), transcript(shown, "updates"));
        }

        private void compare(String where, List<JsonObject> wanted, List<JsonObject> shown) {
            assertEquals(wanted.size(), shown.size(), where + ": how many; " + wanted + ", not " + shown);
            for (int i = 0; i < wanted.size(); i++) {
                for (String key : List.of("id", "item")) {
                    if (wanted.get(i).has(key)) bind(where, wanted.get(i).get(key), member(shown.get(i), key));
                }
                JsonObject mine = renamed(shown.get(i), ours).getAsJsonObject();
                if (mine.has("id")) mine.add("id", ours.getOrDefault(mine.get("id"), mine.get("id")));
                assertEquals(wanted.get(i), mine, where);
            }
        }

        private void bind(String where, JsonElement mine, JsonElement other) {
            assertEquals(other, theirs.computeIfAbsent(mine, unused -> other), where + ": an id for two things");
            assertEquals(mine, ours.computeIfAbsent(other, unused -> mine), where + ": an id for two things");
        }
    }

    private static JsonElement member(JsonObject object, String name) {
        return object.has(name) ? object.get(name) : JsonNull.INSTANCE;
    }

    private static List<JsonObject> transcript(JsonObject shown, String name) {
        List<JsonObject> all = new ArrayList<>();
        for (JsonElement one : array(shown, name)) {
            if (!one.getAsJsonObject().get("type").getAsString().equals("anomaly")) all.add(one.getAsJsonObject());
        }
        return all;
    }

    private static JsonElement renamed(JsonElement value, Map<JsonElement, JsonElement> names) {
        if (value.isJsonObject()) {
            JsonObject copy = new JsonObject();
            value.getAsJsonObject().entrySet().forEach(one -> copy.add(one.getKey(), renamed(one.getValue(), names)));
            return copy;
        }
        if (value.isJsonArray()) {
            JsonArray copy = new JsonArray();
            value.getAsJsonArray().forEach(one -> copy.add(renamed(one, names)));
            return copy;
        }
        boolean text = value.isJsonPrimitive() && value.getAsJsonPrimitive().isString();
        return text ? names.getOrDefault(value, value) : value;
    }
}
