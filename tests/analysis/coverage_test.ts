/** Coverage: the share of a stream within the threshold of a dictionary's exemplars. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { coverage, coverages } from "../../src/analysis/mod.ts";
import { calibrateLayers, Dictionary, discover } from "../../src/partition/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { at, corpus, degrees, DIM, rowsOf, streamOf } from "../partition/streams.ts";

const [READ, HELD_OUT] = [corpus(60, [2, 5]), corpus(60, [2, 5], 9)];

async function* stream<T>(batches: Iterable<T>) {
  for (const batch of batches) yield await Promise.resolve(batch);
}

backendTest("what lies at the threshold is covered, what lies beyond is not, and nothing changes", async (backend) => {
  using dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: 1 }, { backend });
  assertEquals(await coverage(dictionary, [rowsOf(at(0))]), { activations: 1, within: 0, coverage: 0 });
  await dictionary.add(rowsOf(at(0), at(10)));
  const batches = [rowsOf([0, 2], [-0.001, 2]), rowsOf(at(60), at(180), at(-30))];
  assertEquals(await coverage(dictionary, stream(batches)), { activations: 5, within: 3, coverage: 0.6 });
  assertEquals(await coverage(dictionary, []), { activations: 0, within: 0, coverage: null });
  assertEquals([dictionary.size, dictionary.activations, [...dictionary.memberCounts]], [1, 2, [2]]);
});

backendTest(
  "of several dictionaries it is that of each, 1 on what they grew on and less on other text",
  async (backend) => {
    const options = { percentiles: [1, 3], backend };
    const calibrations = await calibrateLayers(stream(streamOf(READ, 20)), [2, 5], options);
    using grown = await discover(streamOf(READ, 20), calibrations, { backend, saturationWindow: Infinity });
    const own = await coverages(grown.growths, stream(streamOf(READ, 7)));
    assertEquals(own.map(({ coverage }) => coverage), [1, 1, 1, 1]);
    let disposed = 0;
    const heldOut = streamOf(HELD_OUT, 25, { onDispose: () => disposed++ });
    const other = await coverages(grown.growths, stream(heldOut));
    assertEquals(disposed, heldOut.length);
    for (const [i, { layer, dictionary }] of grown.growths.entries()) {
      const { center, exemplars, size, threshold } = dictionary;
      const { data, rows } = streamOf(HELD_OUT, 60)[0].batches.get(layer)!;
      let within = 0;
      for (let row = 0; row < rows; row++) {
        const centred = Array.from({ length: DIM }, (_, j) => data[row * DIM + j] - center[j]);
        const cosine = (region: number) =>
          centred.reduce((dot, value, j) => dot + value * exemplars[region * DIM + j], 0) / Math.hypot(...centred);
        if (Array.from({ length: size }, (_, region) => cosine(region)).some((c) => 1 - c <= threshold)) within++;
      }
      assertEquals(other[i], { activations: rows, within, coverage: within / rows });
      assert(within < rows);
      assertEquals(await coverage(dictionary, heldOut.map(({ batches }) => batches.get(layer)!)), other[i]);
    }
  },
);

backendTest(
  "what a calibration leaves out by its norm is left out, and a missing layer is refused",
  async (backend) => {
    const dictionary = await Dictionary.create({ center: new Float32Array(2), threshold: degrees(30) }, { backend });
    using _ = dictionary;
    await dictionary.add(rowsOf(at(0)));
    const levels = [{ percentile: 5, threshold: degrees(30) }];
    const calibrations = new Map([[3, { center: new Float32Array(2), levels, activations: 1, normLimit: 2 }]]);
    const batch = rowsOf(at(10), [0, 50], at(90));
    const streams = () => stream([{ batches: new Map([[3, batch]]), [Symbol.dispose]() {} }]);
    const growths = [{ layer: 3, dictionary }];
    assertEquals(await coverages(growths, streams(), { calibrations }), [{ activations: 2, within: 1, coverage: 0.5 }]);
    assertEquals(await coverages(growths, streams()), [{ activations: 3, within: 1, coverage: 1 / 3 }]);
    await assertRejects(() => coverages([{ layer: 4, dictionary }], streams()), RangeError, "layers 3 but found 4");
  },
);
