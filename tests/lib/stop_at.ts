/**
 * Preloaded by a process that a test kills: once it has given a file the name that ends as `STOP_AT` says, it stops, so that
 * it cannot come to its end before a busy machine lets the test kill it.
 */
const rename = Deno.rename;
Deno.rename = async (from, to) => {
  await rename(from, to);
  if (String(to).endsWith(Deno.env.get("STOP_AT")!)) Deno.kill(Deno.pid, "SIGSTOP");
};
