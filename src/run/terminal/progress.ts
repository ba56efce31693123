/** How far a run is, on stderr: a bar on a terminal, a line now and then anywhere else. */
import { assertOptions, type OptionKinds } from "../../compute/known_options.ts";
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
  /** Takes the name of the stage that begins, and undefined where one ends. */
  onStage?: (name: string | undefined) => void;
}

const OPTIONS: OptionKinds<ProgressOptions> = {
  quiet: "boolean",
  terminal: "boolean",
  width: "function",
  write: "function",
  now: "function",
  onStage: "function",
};

/** One part of a run that counts up, perhaps to a known end. */
export interface Stage {
  /** Adds to the count; default 1. */
  advance(by?: number): void;
  /**
   * Sets the count, and the end if it is known now.
   *
   * @param reached How far that is with what is under way, from which share and time left are told; default `done`.
   */
  set(done: number, total?: number, reached?: number): void;
  /**
   * Sets a second count that may end the stage first, such as of a budget. Share and time left are those of whichever is
   * nearer to its end.
   */
  budget(done: number, total: number, unit: string, reached?: number): void;
  /** What was done before, by a run that this one goes on from: rate and time left are of what follows. */
  resume(done: number, reached?: number): void;
  /** A few words behind the count, such as the number of regions so far. */
  note(text: string): void;
  /** Ends the stage and leaves its last line. */
  end(): void;
}

const REDRAW_MS = 100;
const LINE_MS = 5000;
/** Until a stage's first line where no bar is drawn, and what a step must take to leave a line. */
const FIRST_LINE_MS = 2000;
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
  readonly #onStage: (name: string | undefined) => void;
  #current: { line: (final: boolean) => string; stage: Stage; leavesLine: () => boolean } | undefined;
  #drawn = -Infinity;

  /** Shows nothing until a stage begins. */
  constructor(options: ProgressOptions = {}) {
    assertOptions("progress", options, OPTIONS);
    this.#quiet = options.quiet ?? false;
    this.#terminal = options.terminal ?? Deno.stderr.isTerminal();
    this.#width = options.width ?? terminalWidth;
    this.#write = options.write ?? writeStderr;
    this.#now = options.now ?? (() => performance.now());
    this.#onStage = options.onStage ?? (() => {});
  }

  /**
   * Starts a stage; the one before it ends.
   *
   * @param name What is done.
   * @param total How far it counts, if that is known.
   * @param unit What is counted.
   */
  stage(name: string, total?: number, unit = ""): Stage {
    return this.#start(name, () => true, total, unit);
  }

  /**
   * Shows that a step without a count is under way, unless a stage is: it has that stage's line.
   *
   * @returns Ends it. Only what took a while leaves a line.
   */
  step(name: string): () => void {
    if (this.#current) return () => {};
    const start = this.#now();
    const stage = this.#start(name, () => this.#now() - start >= FIRST_LINE_MS);
    return () => stage.end();
  }

  #start(name: string, leavesLine: () => boolean, total?: number, unit = ""): Stage {
    this.end();
    const start = this.#now();
    const count = new Count(unit, total);
    let budget: Count | undefined;
    let note = "";
    const line = (final: boolean) =>
      stageLine({ name, count, budget, note, start, now: this.#now(), terminal: this.#terminal, final });
    const stage: Stage = {
      advance: (by = 1) => stage.set(count.done + by),
      set: (done, total, reached) => {
        count.set(done, this.#now(), total, reached);
        this.#draw(stage);
      },
      budget: (done, total, unit, reached) => {
        budget ??= new Count(unit);
        budget.set(done, this.#now(), total, reached);
        this.#draw(stage);
      },
      resume: (done, reached) => {
        count.before = done;
        stage.set(done, undefined, reached);
      },
      note: (text) => {
        note = text;
        this.#draw(stage);
      },
      end: () => {
        if (this.#current?.stage === stage) this.end();
      },
    };
    this.#current = { line, stage, leavesLine };
    this.#onStage(name);
    this.#drawn = this.#terminal ? -Infinity : start + FIRST_LINE_MS - LINE_MS;
    this.#draw(stage);
    return stage;
  }

  /** A few words behind the current stage's count, if there is one, from a part of it that knows how far it is. */
  note(text: string): void {
    this.#current?.stage.note(text);
  }

  /** Ends the current stage. */
  end(): void {
    const current = this.#current;
    this.#current = undefined;
    if (current) this.#onStage(undefined);
    if (!current || this.#quiet) return;
    if (!current.leavesLine()) {
      if (this.#terminal) this.#write("\r\x1b[2K");
      return;
    }
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

/** What is counted, and how fast. */
class Count {
  done = 0;
  /** Done by the run that this one goes on from. */
  before = 0;
  /** With what is under way. */
  #reached = 0;
  /** Where it stood when it was first set: the rate of what is left leaves out how long the first piece took to begin. */
  #first?: { readonly reached: number; readonly ms: number };

  constructor(readonly unit: string, public total?: number) {}

  set(done: number, ms: number, total = this.total, reached = done): void {
    this.done = done;
    this.total = total;
    // Parts that add up to the whole may be a last digit off it.
    this.#reached = Math.max(done, reached);
    if (!this.#first && reached > 0) this.#first = { reached, ms };
  }

  /** 0..1; 0 where the end is not known. */
  get share(): number {
    return this.total ? Math.min(1, this.#reached / this.total) : 0;
  }

  /** Count and unit, `25/100 prompts`. */
  get text(): string {
    const count = this.total ? `${grouped(this.done)}/${grouped(this.total)}` : grouped(this.done);
    return this.unit ? `${count} ${this.unit}` : count;
  }

  /** A second, since the stage's start. */
  rate(seconds: number): number {
    return seconds > 0 ? (this.done - this.before) / seconds : 0;
  }

  /** Seconds until the end at the rate so far; undefined where nothing tells it. */
  left(start: number, now: number): number | undefined {
    const { reached, ms } = this.#first ?? { reached: 0, ms: now };
    const rate = this.#reached > reached && now > ms
      ? (this.#reached - reached) / ((now - ms) / 1000)
      : (this.#reached - this.before) / ((now - start) / 1000);
    return this.total && rate > 0 ? Math.max(0, this.total - this.#reached) / rate : undefined;
  }
}

interface LineFacts {
  readonly name: string;
  readonly count: Count;
  readonly budget?: Count;
  readonly note: string;
  /** Milliseconds. */
  readonly start: number;
  readonly now: number;
  readonly terminal: boolean;
  readonly final: boolean;
}

function stageLine({ name, count, budget, note, start, now, terminal, final }: LineFacts): string {
  const seconds = (now - start) / 1000;
  // A budget that is far from its end is none of the reader's concern.
  const isBudget = budget !== undefined && budget.share > count.share;
  const end = isBudget ? budget : count;
  const rate = count.rate(seconds);
  const left = end.left(start, now);
  const isCounted = count.done > 0 || count.total !== undefined || count.unit !== "";
  const parts = [
    name.padEnd(14),
    end.total && terminal ? bar(end.share) : "",
    end.total ? `${Math.floor(end.share * 100)} %`.padStart(5) : "",
    isCounted ? isBudget ? `${count.text}, ${budget.text}` : count.text : "",
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
