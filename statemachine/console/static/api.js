// The emulator, as this page asks it: the control API, and the customers of the console.

import { h } from "./dom.js";

async function call(method, path, body) {
  const request = { method, headers: {} };
  if (body !== undefined) {
    request.body = JSON.stringify(body);
    request.headers["Content-Type"] = "application/json";
  }
  const reply = await fetch(path, request);
  const found = (reply.headers.get("Content-Type") ?? "").startsWith("application/json") ? await reply.json() : {};
  if (!reply.ok) throw new Error(found.error ?? problems(found) ?? `${method} ${path}: ${reply.status}`);
  return found;
}

const problems = (found) => found.problems?.map((one) => `line ${one.line}: ${one.message}`).join("; ");

const id = encodeURIComponent;

export const control = {
  get: (path) => call("GET", `/_control/${path}`),
  post: (path, body) => call("POST", `/_control/${path}`, body ?? {}),
  put: (path, body) => call("PUT", `/_control/${path}`, body),
  patch: (path, body) => call("PATCH", `/_control/${path}`, body),
  chats: () => control.get("chats"),
  chat: (chatId) => control.get(`chats/${id(chatId)}`),
  act: (chatId, ...actions) => control.post(`chats/${id(chatId)}/actions`, { actions }),
};

export const customers = {
  all: () => call("GET", "customers"),
  come: (wish) => call("POST", "customers", wish),
  go: (who) => call("DELETE", `customers/${id(who)}`),
  do: (who, command, wish = {}) => call("POST", `customers/${id(who)}/${id(command)}`, wish),
};

export const lifecycle = () => call("GET", "lifecycle.json");

export const fileUrl = (chatId, fileId) => `/clientweb/api/v2/chats/${id(chatId)}/files/${id(fileId)}`;

/** A short word for a moment. */
export function toast(text, kind = "") {
  const box = document.getElementById("toasts");
  const one = h("p", { class: `toast ${kind}` }, text);
  box.append(one);
  setTimeout(() => one.remove(), kind === "bad" ? 8000 : 3500);
}

/** Do it, and say so if it cannot be done. True where it was done. */
export async function tried(promise) {
  try {
    await promise;
    return true;
  } catch (error) {
    toast(error.message, "bad");
    return false;
  }
}

/** The bytes of a file in base64. */
export function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(new Error(`${file.name} cannot be read`));
    reader.readAsDataURL(file);
  });
}
