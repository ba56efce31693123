/**
 * The typeface of the charts: Arimo, free and of exactly the widths of Arial and Liberation Sans, so that labels that
 * were measured here fit wherever the SVG is shown. The files come with their npm package: no machine needs fonts
 * installed.
 */
/** Families to name in an SVG, all of the same widths. */
export const FONT_FAMILIES = "Arimo, Arial, Liberation Sans, Helvetica, sans-serif";

/** The typeface's name inside its files. */
export const FONT_FAMILY = "Arimo";

/** TrueType files, in the order in which a letter is looked for. */
export interface FontFiles {
  readonly regular: Uint8Array<ArrayBuffer>;
  readonly bold: Uint8Array<ArrayBuffer>;
  /**
   * DejaVu Sans, for what tokens hold and Arimo lacks: ▁, ⏎, mathematics, many scripts (but no Chinese or Japanese).
   */
  readonly fallback: Uint8Array<ArrayBuffer>;
}

let files: Promise<FontFiles> | undefined;

/** The font files, read once. */
export function fontFiles(): Promise<FontFiles> {
  files ??= readFonts();
  return files;
}

async function readFonts(): Promise<FontFiles> {
  // A package's files have addresses once something in it was imported; the fonts themselves are not modules.
  await import("npm:@expo-google-fonts/arimo@0.4.3/metadata.json", { with: { type: "json" } });
  await import("npm:dejavu-fonts-ttf@2.37.3/package.json", { with: { type: "json" } });
  const [regular, bold, fallback] = await Promise.all([
    Deno.readFile(new URL(import.meta.resolve("npm:@expo-google-fonts/arimo@0.4.3/400Regular/Arimo_400Regular.ttf"))),
    Deno.readFile(new URL(import.meta.resolve("npm:@expo-google-fonts/arimo@0.4.3/700Bold/Arimo_700Bold.ttf"))),
    Deno.readFile(new URL(import.meta.resolve("npm:dejavu-fonts-ttf@2.37.3/ttf/DejaVuSans.ttf"))),
  ]);
  return { regular, bold, fallback };
}

/** Width of a text in pixels at a font size in pixels. */
export type MeasureText = (text: string, size: number, bold: boolean) => number;

/** From here on (Hangul, CJK, emoji) scripts are as wide as high; other fonts have to draw them. */
const FIRST_WIDE = 0x1100;

/** What we use of opentype.js, which declares no types. */
interface Font {
  readonly unitsPerEm: number;
  charToGlyph(char: string): { readonly index: number; readonly advanceWidth?: number };
}

/** A function that measures text in the charts' typeface. */
export async function textMeasure(): Promise<MeasureText> {
  const { parse } = await import("npm:opentype.js@2.0.0/dist/opentype.mjs");
  // A chart has some dozen of thousands of letters: each is read when it is asked for, not all when a font is opened.
  const open = (file: Uint8Array) => widthTable(parse(file.buffer, { lowMemory: true }));
  const [regular, bold, fallback] = Object.values(await fontFiles()).map(open);
  return (text, size, isBold) => {
    const chars = [...text];
    const first = isBold ? bold : regular;
    // A text with one letter that the first font lacks is drawn in the fallback as a whole.
    const widthOf = chars.every((char) => first(char) !== undefined) ? first : fallback;
    const em = (char: string) => widthOf(char) ?? (char.codePointAt(0)! >= FIRST_WIDE ? 1 : 0.6);
    return size * chars.reduce((sum, char) => sum + em(char), 0);
  };
}

/** Width of a letter at size 1, undefined where the font has none; each is looked up once. */
function widthTable(font: Font): (char: string) => number | undefined {
  const widths = new Map<string, number | undefined>();
  return (char) => {
    if (!widths.has(char)) {
      const { index, advanceWidth } = font.charToGlyph(char);
      widths.set(char, index === 0 || advanceWidth === undefined ? undefined : advanceWidth / font.unitsPerEm);
    }
    return widths.get(char);
  };
}
