// The JUnit runner on an engine behind a pipe: the command is in the system property "conformance.engine".

import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;

public class PipedEngineTest extends ConformanceTest {
    private static BufferedReader answers;
    private static Writer requests;

    @Override
    protected Codec codec() {
        return (operation, asked) -> {
            JsonObject request = asked.deepCopy();
            request.addProperty("op", operation);
            return ask(request);
        };
    }

    @Override
    protected Engine engine() {
        return new Engine() {
            @Override
            public JsonObject begin(long at, JsonObject config) throws Exception {
                JsonObject request = request("begin", "config", config);
                request.addProperty("at", at);
                return ask(request);
            }

            @Override
            public JsonObject step(JsonObject event) throws Exception {
                return ask(request("step", "event", event));
            }

            @Override
            public JsonElement snapshot() throws Exception {
                return ask(request("snapshot", "unused", JsonNull.INSTANCE)).get("snapshot");
            }

            @Override
            public JsonObject restore(JsonElement snapshot) throws Exception {
                return ask(request("restore", "snapshot", snapshot));
            }
        };
    }

    private static JsonObject request(String op, String name, JsonElement value) {
        JsonObject request = new JsonObject();
        request.addProperty("op", op);
        request.add(name, value);
        return request;
    }

    private static JsonObject ask(JsonObject request) throws Exception {
        if (requests == null) {
            Process process = new ProcessBuilder(System.getProperty("conformance.engine").split(" ")).start();
            answers = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
            requests = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8);
        }
        for (char one : request.toString().toCharArray()) { // a half of a pair is no text in UTF-8
            requests.write(one < 128 ? String.valueOf(one) : String.format("\\u%04x", (int) one));
        }
        requests.write("\n");
        requests.flush();
        return JsonParser.parseString(answers.readLine()).getAsJsonObject();
    }
}
