// Written by `ctxuse setup opencode`, which also takes it out again (--remove). It hands what enters
// a context to ctxuse-hook, which runs beside OpenCode: nothing is waited for, printed or changed.
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TOOLS = new Set(["bash", "read", "skill"]);
const RESIDENT = /Instructions from: |<available_skills>|<mcp_instructions>/;
const AT_ONCE = 4;
const MOST_WAITING = 64;
const MOST_KNOWN = 1000;
const LONGEST = 8 * 1024 * 1024;

const idle = new Map();
const waiting = [];
let running = 0;
let isThere = true;

function start(payload) {
  let folder, descriptor;
  try {
    folder = mkdtempSync(join(tmpdir(), "ctxuse-"));
    const file = join(folder, "payload.json");
    writeFileSync(file, payload, { flag: "wx", mode: 0o600 });
    descriptor = openSync(file, "r");
    const stdio = [descriptor, "ignore", "ignore"];
    const child = spawn(WORDS[0], WORDS.slice(1), { detached: true, stdio });
    running += 1;
    child.once("exit", ended);
    child.once("error", () => {
      isThere = false;
      ended();
    });
    child.unref();
  } catch {
    isThere = false;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
    if (folder !== undefined) rmSync(folder, { force: true, recursive: true });
  }
}

function ended() {
  running -= 1;
  if (isThere && waiting.length) start(waiting.shift());
}

function hand(fields) {
  const payload = JSON.stringify({ at: Date.now(), ...fields });
  if (!isThere || payload.length > LONGEST) return;
  if (running < AT_ONCE) start(payload);
  else if (waiting.length < MOST_WAITING) waiting.push(payload);
}

function keep(map, key, value) {
  map.delete(key);
  map.set(key, value);
  if (map.size > MOST_KNOWN) map.delete(map.keys().next().value);
}

function quietly(work) {
  return async (...given) => {
    try {
      work(...given);
    } catch {
      // whatever it was, it is none of the agent's business
    }
  };
}

process.once("exit", () => {
  try {
    for (const where of idle.values()) hand({ hook_event_name: "exit", ...where });
    for (const payload of waiting.splice(0)) start(payload);
  } catch {
    // likewise
  }
});

export const ctxuse = async ({ directory }) => {
  const sessions = new Map();
  const told = new Map();
  const compacted = new Map();

  const whose = (id) => {
    let root = id;
    for (let depth = 0; depth < 32 && sessions.get(root)?.parent; depth += 1)
      root = sessions.get(root).parent;
    const where = { cwd: directory, session_id: root };
    return root === id ? where : { ...where, agent_id: id, agent_type: sessions.get(id).agent };
  };

  return {
    event: quietly(({ event }) => {
      const { info, sessionID } = event.properties ?? {};
      if (event.type === "session.created" || event.type === "session.updated")
        keep(sessions, info.id, { parent: info.parentID, agent: info.agent });
      if (event.type === "session.created" && !info.parentID)
        hand({ hook_event_name: event.type, ...whose(info.id) });
      if (event.type === "session.compacted") {
        keep(compacted, sessionID, event.id ?? String(Date.now()));
        told.delete(sessionID);
      }
      if (event.type === "session.idle") {
        const where = whose(sessionID);
        hand({ hook_event_name: event.type, ...where });
        if (where.session_id === sessionID) keep(idle, sessionID, where);
      }
    }),
    "experimental.chat.system.transform": quietly(({ sessionID }, { system }) => {
      const text = system.join("\n");
      if (!sessionID || !RESIDENT.test(text) || told.get(sessionID) === text) return;
      keep(told, sessionID, text);
      const fields = { tool_response: text, prompt_id: compacted.get(sessionID) };
      hand({ hook_event_name: "experimental.chat.system.transform", ...whose(sessionID), ...fields });
    }),
    "tool.execute.after": quietly(({ tool, sessionID, callID, args }, { output, metadata }) => {
      if (!TOOLS.has(tool)) return;
      const { loaded, dir, exit } = metadata ?? {};
      const tool_response = { output, metadata: { loaded, dir, exit } };
      const call = { tool_name: tool, tool_input: args, tool_use_id: callID, tool_response };
      hand({ hook_event_name: "tool.execute.after", ...whose(sessionID), ...call });
    }),
    "chat.message": quietly(({ sessionID }, { parts }) => {
      let said;
      for (const { id, type, text, url } of parts) {
        if (type === "text") said = text;
        if (type !== "file" || !url?.startsWith("file://")) continue;
        const tool_response = { part: id, said, url };
        hand({ hook_event_name: "chat.message", ...whose(sessionID), tool_response });
      }
    }),
    "command.execute.before": quietly(({ command, sessionID }, { parts }) => {
      const texts = parts.filter(({ type }) => type === "text").map(({ text }) => text);
      const bytes = Buffer.byteLength(texts.join("\n"));
      const typed = { expansion_type: "slash_command", command_name: command };
      const fields = { ...typed, tool_response: { bytes } };
      hand({ hook_event_name: "command.execute.before", ...whose(sessionID), ...fields });
    }),
  };
};
