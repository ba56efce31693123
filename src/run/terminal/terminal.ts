/** What a script says, and where: everything that reaches the terminal is made visible first, whoever it comes from. */
import { format } from "node:util";
import { visibleLines } from "../../files/visible_text.ts";
import { writeStderr } from "./stderr.ts";
import { stdoutFailure } from "./stdout.ts";

/**
 * From here on no text acts on the terminal: not what this process prints through the console, be it the library's or a
 * package's, and not the message of an error that nobody catches. What can no longer be printed is told once, and the
 * process goes on to write its files: `Deno.exitCode` then says that something failed. A reader who has left, as `head` does,
 * is no failure.
 *
 * @param name The script, before what is said of such an error.
 *
 * @example
 * ```ts
 * const said: string[] = [];
 * console.log = (text) => said.push(text);
 * guardTerminal("build");
 * console.log("\x1b[2J"); // would clear the terminal
 * if (said[0] !== "␛[2J") throw new Error(said[0]);
 * ```
 */
export function guardTerminal(name: string): void {
  for (const level of ["debug", "log", "info", "warn", "error"] as const) {
    const isSaid = level === "warn" || level === "error";
    const write = isSaid ? toStderr : printing(console[level].bind(console), name);
    console[level] = (...parts: unknown[]) => write(visibleLines(format(...parts)));
  }
  const end = (event: Event, error: unknown) => {
    // Somebody has taken it, and tells it where it belongs.
    if (event.defaultPrevented) return;
    event.preventDefault();
    console.error(`${name}: ${Deno.inspect(error)}`);
    Deno.exit(1);
  };
  globalThis.addEventListener("error", (event) => end(event, event.error));
  globalThis.addEventListener("unhandledrejection", (event) => end(event, event.reason));
}

/** What goes to stderr must not end the run where that is full or gone. */
const toStderr = (text: string) => writeStderr(`${text}\n`);

/** Has the console print until it cannot; of a reader who has left Deno says nothing. */
function printing(print: (text: string) => void, name: string): (text: string) => void {
  let isFull = false;
  return (text) => {
    if (isFull) return;
    try {
      print(text);
    } catch (cause) {
      isFull = true;
      Deno.exitCode = 1;
      toStderr(`${name}: ${stdoutFailure(cause)}`);
    }
  };
}

/**
 * An error as one line; all that is known of it where `EXEMPLAR_DEBUG=1` asks for that.
 *
 * @example
 * ```ts
 * const line = sentence(new Error("Expected a file:\n  there is none"));
 * if (line !== "Expected a file: there is none") throw new Error(line);
 * ```
 */
export function sentence(error: unknown): string {
  if (!(error instanceof Error)) return visibleLines(String(error));
  if (Deno.env.get("EXEMPLAR_DEBUG") === "1") return visibleLines(Deno.inspect(error));
  return visibleLines(error.message.replace(/\s*\n\s*/g, " "));
}
