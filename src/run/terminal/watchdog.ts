/** The watchdog's thread, which does nothing but listen and answer: see {@linkcode "./watch.ts".watch}. */
import { visibleText } from "../../files/visible_text.ts";
import { type EndSignal, EXIT_CODES, Presses, TEXTS } from "./end_signals.ts";
import { libc } from "./libc.ts";
import { writeStderr } from "./stderr.ts";
import type { WatchMessage } from "./watch.ts";

/** How long the run's own thread has to end by itself, as it does unless it computes without a pause. */
const GRACE_MS = 200;
/** How long the run's own thread has to answer a signal by itself, as it does between two pieces of its work. */
const ANSWER_MS = 1000;

/** What a worker has that the types of a page lack. */
const port = globalThis as unknown as Pick<Worker, "onmessage" | "postMessage">;

/** What the run does now. */
let doing: string | undefined;
/** Whether the run has heard of a signal itself. */
let isHeard = false;

port.onmessage = ({ data }: MessageEvent<WatchMessage>) => {
  switch (data.kind) {
    case "listen":
      listen(data.signals, data.name);
      port.postMessage("listening");
      break;
    case "doing":
      doing = data.what;
      break;
    case "heard":
      isHeard = true;
      break;
    default:
      data satisfies never;
  }
};

function listen(signals: readonly EndSignal[], name: string): void {
  const presses = new Presses();
  for (const signal of signals) {
    Deno.addSignalListener(signal, () => {
      const press = presses.take();
      if (press === "again") setTimeout(() => endProcess(EXIT_CODES[signal]), GRACE_MS);
      if (press === "first") setTimeout(() => isHeard || writeStderr(waitText(signal, name)), ANSWER_MS);
    });
  }
}

/** What is waited for, in words. */
function waitText(signal: EndSignal, name: string): string {
  const [came, again] = TEXTS[signal];
  const step = doing === undefined ? "the step" : `"${visibleText(doing)}"`;
  return `\n${name}: ${came}; waiting for the piece of ${step} that is computed now, which cannot stop. ${again}.\n`;
}

/** Ends the process, which `Deno.exit` does not do in a worker. */
function endProcess(code: number): void {
  libc({ _exit: { parameters: ["i32"], result: "void" } })?.symbols._exit(code);
}
