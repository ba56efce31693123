/** Digits that a `number` holds whatever they are. */
const DIGITS_OF_NUMBER = 15;

/** Makes values of decimals of so many digits: numbers where these hold them, else texts. */
export function decimalOf(precision: number): (unscaled: bigint, scale: number) => number | string {
  return precision <= DIGITS_OF_NUMBER ? (unscaled, scale) => Number(decimalText(unscaled, scale)) : decimalText;
}

/** A decimal with all its digits: -150 of scale 2 is `-1.50`. */
export function decimalText(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? "-" : "";
  const digits = String(unscaled < 0n ? -unscaled : unscaled);
  if (scale <= 0) return `${sign}${digits}${digits === "0" ? "" : "0".repeat(-scale)}`;
  const padded = digits.padStart(scale + 1, "0");
  return `${sign}${padded.slice(0, -scale)}.${padded.slice(-scale)}`;
}
