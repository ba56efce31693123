/** Autoencoders as the packages themselves save them, with what these compute after they load them again. */
import { assertAlmostEquals, assertRejects } from "@std/assert";
import { readSae, SaeError } from "../../src/sae/mod.ts";
import { backendTest } from "../lib/backends.ts";
import { assertSentence } from "../lib/sentence.ts";
import { dense } from "../sae/forward.ts";

const INPUTS = new URL("inputs/", import.meta.url).pathname;

interface Expected {
  readonly path: string;
  readonly tool: string;
  readonly layer: number | null;
  readonly x: readonly (readonly number[])[];
  readonly acts: readonly (readonly number[])[];
  readonly out: readonly (readonly number[])[];
}

/** What is not built, by what its sentence must name. */
const REFUSED: ReadonlyMap<string, string> = new Map([
  ["lens-standard-expected-average-only-in", "expected_average_only_in"],
  ["lens-temporal", '"temporal"'],
  ["lens-trained-matching", '"matching_pursuit"'],
  ["lens-training-matching", '"matching_pursuit"'],
]);

const ids = Array.from(Deno.readDirSync(INPUTS), ({ name }) => name)
  .filter((name) => /^(?:lens|learned|sparsify)-/.test(name)).sort();

for (const id of ids) {
  const expected = JSON.parse(Deno.readTextFileSync(`${INPUTS}${id}/expected.json`)) as Expected;
  const path = `${INPUTS}${id}/${expected.path}`;
  const part = REFUSED.get(id);
  if (part !== undefined) {
    Deno.test(`${id} of ${expected.tool} is refused by name`, async () =>
      assertSentence(await assertRejects(() => readSae(path), SaeError), part));
    continue;
  }
  backendTest(`${id} of ${expected.tool}: features and output are the package's own`, async (backend) => {
    const { x, acts, out, layer } = expected;
    using sae = await readSae(path, { backend });
    const features = await sae.encode({ rows: x.length, dim: x[0].length, data: Float32Array.from(x.flat()) });
    assertNear(dense(features).flat(), acts.flat());
    assertNear(await sae.decode(features), out.flat());
    // A transcoder of a layer reads no stream, whatever layer it is of.
    const told = sae.source.layer ?? null;
    if (told !== null && told !== layer) throw new Error(`Expected layer ${layer} but found ${told}`);
  });
}

/** To 1 in 10,000 of the larger of 1 and the value. */
function assertNear(found: ArrayLike<number>, expected: readonly number[]): void {
  expected.forEach((value, i) => assertAlmostEquals(found[i], value, 1e-4 * Math.max(1, Math.abs(value)), `${i}`));
}
