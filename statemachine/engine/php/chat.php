<?php
// A chat from PHP, with the engine on a Unix socket beside it (extensions: curl, sqlite3). To copy, and to change.
//
//   statemachine engine --listen engine.socket              (the engine, in another terminal)
//   php chat.php URL TENANT APP_ID CLIENT_ID STORE engine.socket
//
// Reads {"key": …, "text": …} from stdin, one a line, or {"end": true}; writes updates to stdout. It may be killed at
// any time: a key that is repeated is one text, and an update that is repeated has the same "seq".

declare(strict_types=1);

const TABLES = "CREATE TABLE IF NOT EXISTS session (id INTEGER PRIMARY KEY, snapshot TEXT, cookies TEXT);
CREATE TABLE IF NOT EXISTS journal (seq INTEGER PRIMARY KEY, content TEXT)";
const UNSENT = [CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT];

function fail(string $reason): never
{
    fwrite(STDERR, "$reason\n");
    exit(1);
}

final class Call
{
    public array $headers = [];

    public function __construct(public object $command, public bool $isRead, public CurlHandle $handle)
    {
    }

    public function header(CurlHandle $handle, string $line): int
    {
        [$name, $value] = explode(":", $line, 2) + [1 => ""];
        $this->headers[trim($name)] = trim($value);
        return strlen($line);
    }
}

final class Chat
{
    public bool $isOver = false;
    private SQLite3 $database;
    private CurlMultiHandle $calls;
    private array $inFlight = []; // the id of a command => its call
    private array $cookies = [];
    private string $phase = "idle";
    private ?int $deadline = null;
    private string $saved = "";
    private $engine;

    public function __construct(private array $endpoint, string $store, string $socket)
    {
        $this->database = new SQLite3($store);
        $this->database->enableExceptions(true);
        $this->database->exec(TABLES);
        $this->calls = curl_multi_init();
        $this->engine = @stream_socket_client("unix://$socket") ?: fail("no engine listens at $socket");
        $this->deliver();
        $row = $this->database->querySingle("SELECT snapshot, cookies FROM session", true);
        if ($row) {
            $this->cookies = json_decode($row["cookies"]);
            $this->phase = $this->ask(["op" => "restore", "snapshot" => json_decode($row["snapshot"])])->phase;
            $this->feed(["type" => "restarted"]);
        } else {
            $this->ask(["op" => "begin", "at" => self::now()]);
        }
    }

    private static function now(): int
    {
        return (int) (microtime(true) * 1000);
    }

    private function ask(array $request): object
    {
        $line = json_encode($request + ["session" => $this->endpoint["client_id"]], JSON_THROW_ON_ERROR);
        @fwrite($this->engine, "$line\n"); // a warning would be among the updates
        $answer = fgets($this->engine);
        $said = json_decode($answer ?: fail("the engine ended"), flags: JSON_THROW_ON_ERROR);
        return isset($said->error) ? throw new RuntimeException($said->error) : $said;
    }

    public function say(object $said): void
    {
        $message = ["text" => $said->text ?? "", "key" => $said->key ?? ""];
        $opening = ["type" => "request_chat", "origin" => bin2hex(random_bytes(8))] + $message;
        $later = isset($said->end) ? ["type" => "end"] : ["type" => "send_text"] + $message;
        $this->feed($this->phase === "idle" ? $opening : $later);
    }

    public function feed(array $event): void
    {
        $said = $this->ask(["op" => "step", "snapshot" => true, "event" => $event + ["at" => self::now()]]);
        $snapshot = json_encode($said->snapshot ?? null);
        if (isset($said->refused) || $snapshot === $this->saved) { // the chat is over, or the event was ignored
            return;
        }
        $this->save($snapshot, array_filter($said->updates, fn($one) => isset($one->seq)));
        foreach ($this->inFlight as $id => $call) {
            if ($call->isRead && !in_array($id, $said->owed) && !isset($said->outcome)) {
                curl_multi_remove_handle($this->calls, $call->handle);
                unset($this->inFlight[$id]);
            }
        }
        array_walk($said->commands, fn($command) => $this->start($command));
        $this->deliver();
        [$this->phase, $this->deadline] = [$said->phase, $said->deadline];
        $this->isOver = isset($said->outcome) && !$this->inFlight; // the last answers may bring late messages
    }

    private function save(string $snapshot, array $updates): void
    {
        $this->saved = $snapshot;
        $this->database->exec("BEGIN");
        $row = $this->database->prepare("REPLACE INTO session VALUES (1, ?, ?)");
        $row->bindValue(1, $snapshot);
        $row->bindValue(2, json_encode($this->cookies));
        $row->execute();
        foreach ($updates as $update) {
            $row = $this->database->prepare("INSERT INTO journal VALUES (?, ?)");
            $row->bindValue(1, $update->seq);
            $row->bindValue(2, json_encode($update));
            $row->execute();
        }
        $this->database->exec("COMMIT");
    }

    private function deliver(): void
    {
        while ($row = $this->database->querySingle("SELECT seq, content FROM journal ORDER BY seq", true)) {
            echo $row["content"], "\n";
            $this->database->exec("DELETE FROM journal WHERE seq = {$row["seq"]}");
        }
    }

    private function start(object $command): void
    {
        $details = ["command" => $command, "endpoint" => $this->endpoint, "nonce" => bin2hex(random_bytes(8))];
        $request = $this->ask(["op" => "request"] + $details)->request;
        $call = new Call($command, $request->method === "GET", curl_init($request->url));
        $headers = [];
        foreach ((array) $request->headers as $name => $value) {
            $headers[] = "$name: $value";
        }
        curl_setopt_array($call->handle, [
            CURLOPT_CUSTOMREQUEST => $request->method,
            CURLOPT_HTTPHEADER => $headers,
            CURLOPT_TIMEOUT_MS => $request->timeout,
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_HEADERFUNCTION => $call->header(...),
            CURLOPT_COOKIEFILE => "",
            CURLOPT_FRESH_CONNECT => true, // on a kept connection curl repeats a request by itself: a text arrives twice
        ]);
        if (isset($request->body)) {
            curl_setopt($call->handle, CURLOPT_POSTFIELDS, $request->body);
        }
        foreach ($this->cookies as $cookie) {
            curl_setopt($call->handle, CURLOPT_COOKIELIST, $cookie);
        }
        curl_multi_add_handle($this->calls, $call->handle);
        $this->inFlight[$command->id] = $call;
    }

    public function work(): void
    {
        curl_multi_exec($this->calls, $running);
        curl_multi_select($this->calls, 0.05);
        while ($done = curl_multi_info_read($this->calls)) {
            $this->answered($done["handle"], $done["result"]);
        }
        if ($this->deadline !== null && self::now() >= $this->deadline) {
            $this->feed(["type" => "tick"]);
        }
    }

    private function answered(CurlHandle $handle, int $error): void
    {
        [$id] = array_keys(array_filter($this->inFlight, fn($call) => $call->handle === $handle));
        $call = $this->inFlight[$id];
        $kind = $error === CURLE_OPERATION_TIMEDOUT ? "timeout" : (in_array($error, UNSENT) ? "unsent" : "cut");
        $reply = ["type" => "failure", "kind" => $kind];
        if ($error === CURLE_OK) {
            $this->cookies = curl_getinfo($handle, CURLINFO_COOKIELIST);
            $answer = ["status" => curl_getinfo($handle, CURLINFO_RESPONSE_CODE), "headers" => (object) $call->headers];
            $body = base64_encode(curl_multi_getcontent($handle));
            $reply = $this->ask(["op" => "reply", "command" => $call->command, "base64" => $body] + $answer)->reply;
        }
        curl_multi_remove_handle($this->calls, $handle);
        unset($this->inFlight[$id]);
        $this->feed(["type" => "answered", "command" => $id, "reply" => $reply]);
    }
}

umask(0077); // the store holds texts
[, $url, $tenant, $appId, $clientId, $store, $socket] = $argv;
$chat = new Chat(["url" => $url, "tenant" => $tenant, "app_id" => $appId, "client_id" => $clientId], $store, $socket);
stream_set_blocking(STDIN, false);
$input = "";
while (!$chat->isOver) {
    $input .= fread(STDIN, 65536);
    while (($end = strpos($input, "\n")) !== false) {
        $chat->say(json_decode(substr($input, 0, $end)));
        $input = substr($input, $end + 1);
    }
    $chat->work();
}
