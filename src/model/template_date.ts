/** The date that chat templates write: the same on every day, or the same texts would not be the same tokens tomorrow. */

/** The date that templates write unless another is asked for: the one that Llama 3's fall back to. */
export const TEMPLATE_DATE = "2024-07-26";

/** What the templates' engine calls its clock, by the name that transformers gave it. */
const CLOCK = /\bstrftime_now\b/;

/** Whether a template asks what day it is. */
export function readsClock(template: string): boolean {
  return CLOCK.test(template);
}

/**
 * Midnight (UTC) of a day.
 *
 * @param day As `2024-07-26`.
 * @throws {RangeError} unless there is such a day.
 */
export function dayOf(day: string): Date {
  const date = new Date(`${day}T00:00:00Z`);
  // `2024-02-30` is taken for a day of March.
  const isDay = /^\d{4}-\d\d-\d\d$/.test(day) && !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
  if (isDay) return date;
  throw new RangeError(`Expected templateDate to be a day such as ${TEMPLATE_DATE} but got ${JSON.stringify(day)}`);
}

const MONTHS = "January February March April May June July August September October November December".split(" ");
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");
const MS_OF_A_DAY = 86_400_000;

/**
 * A date in the format of C's and Python's strftime, in English and UTC wherever it runs.
 *
 * @throws {RangeError} if the format has a directive that it does not know.
 */
export function strftime(date: Date, format: string): string {
  const year = date.getUTCFullYear();
  const [month, day, weekday] = [date.getUTCMonth(), date.getUTCDate(), date.getUTCDay()];
  const hour = date.getUTCHours();
  const dayOfYear = Math.floor((date.getTime() - Date.UTC(year, 0, 1)) / MS_OF_A_DAY);
  const again = (inner: string) => strftime(date, inner);
  const directives: Readonly<Record<string, () => string | number>> = {
    "%": () => "%",
    n: () => "\n",
    t: () => "\t",
    Y: () => year,
    y: () => pad(year % 100),
    C: () => pad(Math.floor(year / 100)),
    m: () => pad(month + 1),
    d: () => pad(day),
    e: () => String(day).padStart(2, " "),
    B: () => MONTHS[month],
    b: () => MONTHS[month].slice(0, 3),
    h: () => MONTHS[month].slice(0, 3),
    A: () => DAYS[weekday],
    a: () => DAYS[weekday].slice(0, 3),
    w: () => weekday,
    u: () => weekday || 7,
    j: () => pad(dayOfYear + 1, 3),
    U: () => pad(Math.floor((dayOfYear + 7 - weekday) / 7)),
    W: () => pad(Math.floor((dayOfYear + 7 - (weekday + 6) % 7) / 7)),
    H: () => pad(hour),
    I: () => pad(hour % 12 || 12),
    p: () => hour < 12 ? "AM" : "PM",
    M: () => pad(date.getUTCMinutes()),
    S: () => pad(date.getUTCSeconds()),
    f: () => pad(date.getUTCMilliseconds() * 1000, 6),
    z: () => "+0000",
    Z: () => "UTC",
    s: () => Math.floor(date.getTime() / 1000),
    D: () => again("%m/%d/%y"),
    x: () => again("%m/%d/%y"),
    F: () => again("%Y-%m-%d"),
    T: () => again("%H:%M:%S"),
    X: () => again("%H:%M:%S"),
    R: () => again("%H:%M"),
    r: () => again("%I:%M:%S %p"),
    c: () => again("%a %b %e %H:%M:%S %Y"),
  };
  // `-` leaves out the zeros, or the space, that a number is filled up with.
  return format.replace(/%(-?)([\s\S]?)/g, (directive, bare: string, letter: string) => {
    if (!Object.hasOwn(directives, letter)) {
      throw new RangeError(`Expected a format of strftime but "${format}" has ${directive}, which is none`);
    }
    const text = String(directives[letter]());
    return bare ? text.replace(/^[0 ]+(?=\d)/, "") : text;
  });
}

function pad(value: number, digits = 2): string {
  return String(value).padStart(digits, "0");
}

/** What the templates' engine is told to call instead of its clock, which it lets nobody replace. */
export const DATE_VARIABLE = "exemplar_strftime";

/** A template that asks a variable of ours what day it is. */
export function withoutClock(template: string): string {
  // Within tags: what stands between them is written as it is.
  return template.replace(/\{%[\s\S]*?%\}|\{\{[\s\S]*?\}\}/g, (tag) => tag.replace(/\bstrftime_now\b/g, DATE_VARIABLE));
}
