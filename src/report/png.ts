/** SVG to PNG by resvg, compiled to WebAssembly; named here and nowhere else. */
import { FONT_FAMILY, fontFiles } from "./fonts.ts";
import { pngFile } from "./png_file.ts";

let loaded: Promise<typeof import("npm:@resvg/resvg-wasm@2.6.2")> | undefined;

async function load() {
  const resvg = await import("npm:@resvg/resvg-wasm@2.6.2");
  const wasm = new URL(import.meta.resolve("npm:@resvg/resvg-wasm@2.6.2/index_bg.wasm"));
  await resvg.initWasm(await Deno.readFile(wasm));
  return resvg;
}

/**
 * Draws an SVG as a PNG on white.
 *
 * @param svg The SVG's text; its type is drawn in the charts' own typeface.
 * @param scale Pixels of the PNG per pixel of the SVG; default 2.
 * @throws {Error} If the text is no SVG.
 */
export async function svgToPng(svg: string, scale = 2): Promise<Uint8Array<ArrayBuffer>> {
  const { Resvg } = await (loaded ??= load());
  const { regular, bold, fallback } = await fontFiles();
  const families = { defaultFontFamily: FONT_FAMILY, sansSerifFamily: FONT_FAMILY };
  const drawing = new Resvg(svg, {
    background: "white",
    fitTo: { mode: "zoom", value: scale },
    font: { fontBuffers: [regular, bold, fallback], ...families },
  });
  const image = drawing.render();
  try {
    // Deflated natively: in WebAssembly this alone takes as long as the drawing, and gives files a third larger.
    return pngFile(image.pixels, image.width, image.height);
  } finally {
    image.free();
    drawing.free();
  }
}
