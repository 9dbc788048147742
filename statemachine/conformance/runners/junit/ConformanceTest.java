// Plays the kit's vectors on an engine of your own, in JUnit 5. To copy, and to change: give `engine()` and `codec()` yours.
//
// Needs Gson. The archive's folder `vectors` is looked for in the system property "conformance.vectors", else in
// "vectors". What is compared, and what is not, is said in MESSAGES.md. Leave out fields at their default, as the vectors do.

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;
import static org.junit.jupiter.api.DynamicTest.dynamicTest;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
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

    /** The wire, read and written: decode, encode, request and reply, as MESSAGES.md describes them. */
    public interface Codec {
        JsonObject answer(String operation, JsonObject asked) throws Exception;
    }

    /** Your codec; null where you have none. */
    protected Codec codec() throws Exception {
        return null;
    }

    /** What it can beyond the core; vectors that need more are left out. */
    protected Set<String> features() {
        return Set.of("background", "entries", "files", "follow", "forms", "push", "reattach", "receipts",
                "secure_forms", "snapshot", "typing", "v1");
    }

    @TestFactory
    Stream<DynamicTest> vectors() throws Exception {
        List<DynamicTest> tests = new ArrayList<>();
        for (JsonObject vector : vectorsIn("engine")) {
            boolean playable = true;
            for (JsonElement feature : array(vector, "requires")) {
                playable &= features().contains(feature.getAsString());
            }
            if (playable) tests.add(dynamicTest(vector.get("id").getAsString(), () -> new Play(vector).run()));
        }
        return tests.stream();
    }

    @TestFactory
    Stream<DynamicTest> codecVectors() throws Exception {
        if (codec() == null) return Stream.empty();
        return vectorsIn("codec").stream().map(one -> dynamicTest(one.get("id").getAsString(), () -> compareCodec(one)));
    }

    /** A difference that rests on an inference fails nothing: the test counts as aborted. */
    private void compareCodec(JsonObject vector) throws Exception {
        JsonObject shown = codec().answer(vector.get("op").getAsString(), vector.getAsJsonObject("ask"));
        JsonElement expected = vector.get("answer");
        if (!vector.get("level").getAsString().equals("must")) assumeTrue(expected.equals(shown));
        assertEquals(expected, shown);
    }

    private static List<JsonObject> vectorsIn(String name) throws Exception {
        List<JsonObject> vectors = new ArrayList<>();
        List<Path> files;
        try (Stream<Path> found = Files.list(Path.of(System.getProperty("conformance.vectors", "vectors"), name))) {
            files = found.sorted().collect(Collectors.toList());
        }
        for (Path file : files) {
            JsonParser.parseString(Files.readString(file)).getAsJsonArray().forEach(one -> vectors.add(one.getAsJsonObject()));
        }
        return vectors;
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
        private final Set<String> told = new HashSet<>();
        private Map<Integer, String> owed = Map.of();
        private JsonElement former;
        private boolean agreeing = true;

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
                Set<String> inferred = new HashSet<>();
                for (JsonElement name : array(step, "should")) inferred.add(name.getAsString());
                JsonObject shown = take(step);
                agree("step " + number, step.getAsJsonObject("expect"), shown, inferred);
                if (!shown.has("refused")) obeysLaws("step " + number, step, shown);
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

        /** What rests on an inference binds nobody: after a difference in it, only the laws hold for the rest. */
        private void agree(String where, JsonObject expect, JsonObject shown, Set<String> inferred) {
            if (!agreeing) {
                for (String name : List.of("commands", "updates")) bindPairs(transcript(expect, name), transcript(shown, name));
                return;
            }
            for (String name : List.of("refused", "phase", "outcome", "deadline", "commands", "updates")) {
                try {
                    compare(where + ": " + name, name, expect, shown);
                } catch (AssertionError differs) {
                    if (!inferred.contains(name)) throw differs;
                    agreeing = false;
                }
                if (expect.has("refused") || shown.has("refused")) return;
            }
        }

        /** The ids of the outputs that correspond to each other. */
        private void bindPairs(List<JsonObject> wanted, List<JsonObject> shown) {
            for (int i = 0; i < Math.min(wanted.size(), shown.size()); i++) {
                if (!wanted.get(i).get("type").equals(shown.get(i).get("type"))) continue;
                for (String key : List.of("id", "item")) {
                    JsonElement mine = wanted.get(i).get(key), other = shown.get(i).get(key);
                    if (mine == null || other == null || theirs.containsKey(mine) || ours.containsKey(other)) continue;
                    theirs.put(mine, other);
                    ours.put(other, mine);
                }
            }
        }

        private void compare(String where, String name, JsonObject expect, JsonObject shown) {
            switch (name) {
                case "refused" -> assertEquals(expect.has(name), shown.has(name), where);
                case "commands", "updates" -> compare(where, transcript(expect, name), transcript(shown, name));
                default -> assertEquals(member(expect, name), member(shown, name), where);
            }
        }

        /** L6: returned are the commands that are newly owed. L7: one poll, one reading, one post. L13: delivered once. */
        private void obeysLaws(String where, JsonObject step, JsonObject shown) {
            Map<Integer, String> before = step.has("event") ? owed : Map.of();
            Map<Integer, String> returned = new TreeMap<>();
            for (JsonObject command : transcript(shown, "commands")) {
                returned.put(command.get("id").getAsInt(), command.get("type").getAsString());
            }
            Map<Integer, String> now = new TreeMap<>();
            for (JsonElement id : array(shown, "owed")) {
                String type = returned.getOrDefault(id.getAsInt(), before.get(id.getAsInt()));
                assertNotNull(type, where + ": L6: command " + id + " is owed, but was never returned");
                now.put(id.getAsInt(), type);
            }
            Set<Integer> fresh = new TreeSet<>(now.keySet());
            fresh.removeAll(before.keySet());
            assertEquals(fresh, returned.keySet(), where + ": L6: the new commands of owed, and those returned");
            for (String type : List.of("poll", "read_history", "post")) {
                assertTrue(Collections.frequency(now.values(), type) <= 1, where + ": L7: more than one " + type);
            }
            owed = now;
            if (step.has("follow")) told.clear();
            for (JsonObject update : transcript(shown, "updates")) {
                if (!update.get("type").getAsString().equals("received") || config.has("window")) continue;
                JsonObject entry = update.getAsJsonObject("entry");
                String id = entry.has("msg_id") ? entry.get("msg_id").getAsString() : "";
                boolean named = !id.isEmpty() && !id.equals("null");
                assertTrue(!named || told.add(entry.get("type") + member(update, "own").toString() + id), where + ": L13: delivered twice: " + entry);
            }
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
            assertEquals(other, theirs.computeIfAbsent(mine, unused -> other), where + ": one thing has two ids");
            assertEquals(mine, ours.computeIfAbsent(other, unused -> mine), where + ": one id stands for two things");
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
