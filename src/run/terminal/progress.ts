/** How far a run is, on stderr: a bar on a terminal, a line now and then anywhere else. */
import { terminalWidth, writeStderr } from "./stderr.ts";
import { visibleLines, visibleText } from "../../files/visible_text.ts";

/** Where progress is shown. */
export interface ProgressOptions {
  /** Shows nothing; default false. */
  quiet?: boolean;
  /** Whether lines can be drawn over; default whether stderr is a terminal. */
  terminal?: boolean;
  /** Letters a line; default the terminal's width. */
  width?: () => number;
  /** Takes the text; default writes to stderr. */
  write?: (text: string) => void;
  /** The clock in milliseconds; default `performance.now`. */
  now?: () => number;
}

/** One part of a run that counts up, perhaps to a known end. */
export interface Stage {
  /** Adds to the count; default 1. */
  advance(by?: number): void;
  /** Sets the count, and the end if it is known now. */
  set(done: number, total?: number): void;
  /** A few words behind the count, such as the number of regions so far. */
  note(text: string): void;
  /** Ends the stage and leaves its last line. */
  end(): void;
}

const REDRAW_MS = 100;
const LINE_MS = 5000;
const BAR = 24;

/**
 * Shows how far a run is, one stage at a time: on a terminal as a bar that is drawn over, anywhere else as a line now
 * and then.
 *
 * @example
 * ```ts
 * const lines: string[] = [];
 * const progress = new Progress({ terminal: false, now: () => 0, write: (line) => lines.push(line) });
 * const stage = progress.stage("extract", 2, "prompts");
 * stage.advance(2);
 * stage.end();
 * if (!lines.at(-1)?.includes("100 %  2/2 prompts")) throw new Error(lines.at(-1));
 * ```
 */
export class Progress {
  readonly #quiet: boolean;
  readonly #terminal: boolean;
  readonly #width: () => number;
  readonly #write: (text: string) => void;
  readonly #now: () => number;
  #current: { line: (final: boolean) => string; stage: Stage } | undefined;
  #drawn = -Infinity;

  /** Shows nothing until a stage begins. */
  constructor(options: ProgressOptions = {}) {
    this.#quiet = options.quiet ?? false;
    this.#terminal = options.terminal ?? Deno.stderr.isTerminal();
    this.#width = options.width ?? terminalWidth;
    this.#write = options.write ?? writeStderr;
    this.#now = options.now ?? (() => performance.now());
  }

  /**
   * Starts a stage; the one before it ends.
   *
   * @param name What is done.
   * @param total How far it counts, if that is known.
   * @param unit What is counted.
   */
  stage(name: string, total?: number, unit = ""): Stage {
    this.end();
    const start = this.#now();
    const state = { name, unit, done: 0, total, note: "" };
    const line = (final: boolean) => stageLine(state, (this.#now() - start) / 1000, this.#terminal, final);
    const stage: Stage = {
      advance: (by = 1) => stage.set(state.done + by),
      set: (done, total = state.total) => {
        Object.assign(state, { done, total });
        this.#draw(stage);
      },
      note: (text) => {
        state.note = text;
        this.#draw(stage);
      },
      end: () => {
        if (this.#current?.stage === stage) this.end();
      },
    };
    this.#current = { line, stage };
    this.#drawn = this.#terminal ? -Infinity : start;
    this.#draw(stage);
    return stage;
  }

  /** Ends the current stage. */
  end(): void {
    const current = this.#current;
    this.#current = undefined;
    if (!current || this.#quiet) return;
    const line = visibleText(current.line(true));
    this.#write(this.#terminal ? `\r\x1b[2K${this.#fit(line)}\n` : `${line}\n`);
  }

  /** Writes a line of its own above the stage's. */
  log(said: string): void {
    if (this.#quiet) return;
    const text = visibleLines(said);
    this.#write(this.#terminal && this.#current ? `\r\x1b[2K${text}\n` : `${text}\n`);
    this.#drawn = this.#terminal ? -Infinity : this.#drawn;
    if (this.#current && this.#terminal) this.#draw(this.#current.stage);
  }

  #draw(stage: Stage): void {
    if (this.#quiet || this.#current?.stage !== stage) return;
    const now = this.#now();
    if (now - this.#drawn < (this.#terminal ? REDRAW_MS : LINE_MS)) return;
    this.#drawn = now;
    const line = visibleText(this.#current.line(false));
    this.#write(this.#terminal ? `\r\x1b[2K${this.#fit(line)}` : `${line}\n`);
  }

  #fit(line: string): string {
    return [...line].slice(0, this.#width() - 1).join("");
  }
}

type State = { name: string; unit: string; done: number; total?: number; note: string };

function stageLine(state: State, seconds: number, terminal: boolean, final: boolean): string {
  const { name, unit, done, total, note } = state;
  const share = total ? Math.min(1, done / total) : 0;
  const rate = seconds > 0 ? done / seconds : 0;
  const count = total ? `${grouped(done)}/${grouped(total)}` : grouped(done);
  const left = total && rate > 0 ? (total - done) / rate : undefined;
  const parts = [
    name.padEnd(14),
    total && terminal ? bar(share) : "",
    total ? `${Math.floor(share * 100)} %`.padStart(5) : "",
    unit ? `${count} ${unit}` : count,
    rate > 0 ? `${short(rate)}/s` : "",
    final ? `in ${clock(seconds)}` : left === undefined ? clock(seconds) : `${clock(left)} left`,
    note,
  ];
  return parts.filter(Boolean).join("  ").trimEnd();
}

const grouped = (value: number) => Math.round(value).toLocaleString("en-US");

function bar(share: number): string {
  const full = Math.round(share * BAR);
  return "█".repeat(full) + "░".repeat(BAR - full);
}

/** A rate in three digits: `12.3k`. */
function short(value: number): string {
  const [size, suffix] = value >= 1e6 ? [1e6, "M"] : value >= 1e3 ? [1e3, "k"] : [1, ""];
  return `${Number((value / size).toPrecision(3))}${suffix}`;
}

/** Seconds as `0:07`, `12:30` or `1:02:03`; below ten seconds with tenths. */
function clock(seconds: number): string {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value: number) => String(value).padStart(2, "0");
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}
