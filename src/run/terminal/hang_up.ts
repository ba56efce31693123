const SIGHUP = 1;
/** The handler's address that stands for "ignore". */
const SIG_IGN = 1n;
const LIBC: Partial<Record<typeof Deno.build.os, string>> = { linux: "libc.so.6", darwin: "libSystem.B.dylib" };

/**
 * Whether whoever started this process had it ignore that its terminal hangs up, as `nohup` does. Deno cannot tell, so
 * the C library is asked; where it cannot be, the answer is no. Deno itself undoes it with the first listener to any
 * signal: ask before.
 */
export function isHangUpIgnored(): boolean {
  const name = LIBC[Deno.build.os];
  if (name === undefined) return false;
  try {
    const libc = Deno.dlopen(name, { sigaction: { parameters: ["i32", "pointer", "buffer"], result: "i32" } });
    // `struct sigaction` begins with the handler on both systems, and is shorter than this.
    const before = new Uint8Array(512);
    const failed = libc.symbols.sigaction(SIGHUP, null, before);
    libc.close();
    return failed === 0 && new DataView(before.buffer).getBigUint64(0, true) === SIG_IGN;
  } catch {
    // No --allow-ffi, or another C library.
    return false;
  }
}
