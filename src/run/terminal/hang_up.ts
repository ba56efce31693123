import { libc } from "./libc.ts";

const SIGHUP = 1;
/** The handler's address that stands for "ignore". */
const SIG_IGN = 1n;

/**
 * Whether whoever started this process had it ignore that its terminal hangs up, as `nohup` does. Deno cannot tell, so
 * the C library is asked; where it cannot be, the answer is no. Deno itself undoes it with the first listener to any
 * signal: ask before.
 */
export function isHangUpIgnored(): boolean {
  const library = libc({ sigaction: { parameters: ["i32", "pointer", "buffer"], result: "i32" } });
  if (!library) return false;
  // `struct sigaction` begins with the handler on both systems, and is shorter than this.
  const before = new Uint8Array(512);
  const failed = library.symbols.sigaction(SIGHUP, null, before);
  library.close();
  return failed === 0 && new DataView(before.buffer).getBigUint64(0, true) === SIG_IGN;
}
