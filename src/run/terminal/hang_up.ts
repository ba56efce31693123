import { libc } from "./libc.ts";

const SIGHUP = 1;
/** The handler's address that stands for "ignore". */
const SIG_IGN = 1n;

// Deno listens to signals itself half a second after it started, and with the first listener to any: from then on nothing
// tells what was before. So the system is asked when this is loaded, if that needs no permission that was not given.
const wasIgnored = Deno.permissions.querySync({ name: "ffi" }).state === "granted" && isIgnored();

/**
 * Whether whoever started this process had it ignore that its terminal hangs up, as `nohup` does. Deno cannot tell, so
 * the C library is asked; where it cannot be, or this was loaded too late, the answer is no.
 */
export function isHangUpIgnored(): boolean {
  return wasIgnored;
}

function isIgnored(): boolean {
  const library = libc({ sigaction: { parameters: ["i32", "pointer", "buffer"], result: "i32" } });
  if (!library) return false;
  // `struct sigaction` begins with the handler on both systems, and is shorter than this.
  const before = new Uint8Array(512);
  const failed = library.symbols.sigaction(SIGHUP, null, before);
  library.close();
  return failed === 0 && new DataView(before.buffer).getBigUint64(0, true) === SIG_IGN;
}
