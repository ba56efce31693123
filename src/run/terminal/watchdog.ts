/** The watchdog's thread, which does nothing but listen: see {@linkcode "./watch.ts".watch}. */
import { type EndSignal, EXIT_CODES, Presses } from "./end_signals.ts";
import { libc } from "./libc.ts";

/** How long the run's own thread has to end by itself, as it does unless it computes without a pause. */
const GRACE_MS = 200;

/** What a worker has that the types of a page lack. */
const port = globalThis as unknown as Pick<Worker, "onmessage" | "postMessage">;

port.onmessage = ({ data }: MessageEvent<readonly EndSignal[]>) => {
  const presses = new Presses();
  for (const signal of data) {
    Deno.addSignalListener(signal, () => {
      if (presses.take() === "again") setTimeout(() => endProcess(EXIT_CODES[signal]), GRACE_MS);
    });
  }
  port.postMessage("listening");
};

/** Ends the process, which `Deno.exit` does not do in a worker. */
function endProcess(code: number): void {
  libc({ _exit: { parameters: ["i32"], result: "void" } })?.symbols._exit(code);
}
