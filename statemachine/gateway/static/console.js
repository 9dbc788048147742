// The console of a gateway: it only reads, by the API that all programs use. Texts of chats are hostile: they stay text.
{
  const { h, clock, drawLifecycle, light } = globalThis.page;
  const LINES = 300;
  const EVERY_MS = 2000;
  const by = (id) => document.getElementById(id);
  const outline = JSON.parse(by("outline").content.textContent);
  const picture = drawLifecycle(outline);
  by("picture").append(picture);

  let token = sessionStorage.getItem("token") ?? "";
  let selected = null;
  let session = 0; // of reading: a new token begins another one
  let lines = [];
  const visited = new Map(); // client id -> its phases since this page was opened

  async function ask(path, headers = {}, signal = undefined) {
    const bearer = token ? { Authorization: `Bearer ${token}` } : {};
    const answer = await fetch(path, { headers: { ...bearer, ...headers }, signal });
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({}));
      throw new Error(`${answer.status}: ${problem.detail ?? answer.statusText}`);
    }
    return answer;
  }

  const json = async (path) => (await ask(path)).json();

  const say = (text) => by("state").replaceChildren(text);

  function phases(client) {
    if (!visited.has(client)) visited.set(client, new Set());
    return visited.get(client);
  }

  // --- chats, the selected one, parked chats ---

  function showChats(chats) {
    by("count").textContent = chats.length;
    const row = ({ client_id, label, phase }) => {
      phases(client_id).add(phase);
      const onclick = () => select(client_id);
      const mark = h("span", { class: "phase", "data-phase": phase }, phase);
      return h("button", { type: "button", class: "chat", onclick, title: label, "aria-pressed": String(client_id === selected) }, client_id, mark);
    };
    by("chats").replaceChildren(...(chats.length ? chats.map(row) : [h("p", { class: "soft" }, "No chat is active.")]));
  }

  async function select(client) {
    selected = client;
    await refresh();
  }

  async function showSelected() {
    if (selected === null) return;
    const chat = await json(`/chats/${encodeURIComponent(selected)}`);
    phases(selected).add(chat.phase);
    light(picture, chat.phase, phases(selected));
    const facts = [chat.client_id, chat.phase, chat.outcome, `${chat.pending} not sent`, `update ${chat.seq}`, `log label ${chat.label}`];
    by("selected").replaceChildren(facts.filter(Boolean).join(" · "));
  }

  async function showParked() {
    let webhooks;
    try {
      ({ webhooks } = await json("/webhooks"));
    } catch (error) {
      by("parked").replaceChildren(`Webhooks are for tokens with the scope operate (${error.message}).`);
      return;
    }
    const row = ({ webhook, waiting, parked }) => h("p", {}, `${webhook}: ${waiting} waiting, ${parked.length} parked `, parked.join(", "));
    by("parked").replaceChildren(...(webhooks.length ? webhooks.map(row) : ["No webhook is configured."]));
  }

  async function refresh() {
    try {
      const { chats } = await json("/chats?limit=1000");
      showChats(chats);
      await showSelected();
      await showParked();
      say("connected");
    } catch (error) {
      say(error.message);
    }
  }

  // --- traffic ---

  function described(update, text) {
    const rest = { ...update };
    for (const name of ["type", "seq", "at", "entry"]) delete rest[name];
    return text ?? (update.entry ? update.entry.type : JSON.stringify(rest));
  }

  function showTraffic({ client_id, update, text }) {
    if (update.type === "phase_changed" && update.phase) phases(client_id).add(update.phase);
    const time = clock(update.at ?? Date.now());
    lines = [h("tr", {}, ...[time, client_id, update.type, described(update, text)].map((one) => h("td", {}, one))), ...lines].slice(0, LINES);
    by("traffic").replaceChildren(...lines);
  }

  function took(event) {
    const data = event.split("\n").find((line) => line.startsWith("data: "));
    if (data) showTraffic(JSON.parse(data.slice(6)));
  }

  async function follow(mine) {
    let after = "latest";
    while (mine === session) {
      try {
        const answer = await ask(`/updates?after=${after}`, { Accept: "text/event-stream" });
        const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = "";
        for (;;) {
          const { value, done } = await reader.read();
          if (done || mine !== session) break;
          const events = (rest + value).split("\n\n");
          rest = events.pop();
          for (const event of events) {
            const id = /^id: (\d+)$/m.exec(event);
            if (id) after = id[1];
            took(event);
          }
        }
        reader.cancel();
      } catch (error) {
        say(error.message);
      }
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  function begin() {
    session += 1;
    follow(session);
    refresh();
  }

  by("token").value = token;
  by("login").addEventListener("submit", (event) => {
    event.preventDefault();
    token = by("token").value.trim();
    sessionStorage.setItem("token", token);
    begin();
  });
  setInterval(refresh, EVERY_MS);
  begin();
}
