/** The tokens that `overlap` compares on, and the features that fire on them. */
import {
  extract,
  type HeldActivations,
  holdActivations,
  shuffled,
  type Windows,
} from "../../../src/activations/mod.ts";
import { type FeatureFirings, featureFirings } from "../../../src/analysis/mod.ts";
import { type Flags, type Opened, openSae, readTexts, type Run, windowsBy } from "../../../src/run/mod.ts";

/** What was read, and what of the SAE is needed later: it is given back. */
export interface HeldOutFirings {
  readonly held: HeldActivations;
  readonly features: FeatureFirings;
  /** Decoder vectors, `features x dim`. */
  readonly decoder: Float32Array<ArrayBuffer>;
}

/** Flags that say which tokens are compared on, and with what. */
export interface HeldOutFlags {
  readonly sae: string;
  readonly corpus: string;
  readonly heldout: string;
  readonly seed: number;
  readonly tokens: number;
  readonly strongest: number;
  readonly windows: Windows;
  readonly stride?: number;
}

/** Reads the held-out tokens at the SAE's layer, and which features they fire. */
export async function heldOutFirings<F extends Flags>(
  run: Run<F>,
  { sae: path, corpus, heldout, seed, tokens, strongest, windows, stride }: HeldOutFlags,
  { backend, model, layers, context }: Opened,
): Promise<HeldOutFirings> {
  const { manifest, progress } = run;
  const [layer] = layers;
  using sae = await openSae(path, backend, model, layer, { onNote: run.note, isDeclared: !run.isGiven("sae") });
  const texts = shuffled(readTexts(run, corpus, { where: { split: heldout } }), seed);
  const reading = progress.stage("held-out", tokens, "activations");
  const stream = extract(model, texts, {
    ...{ layers, context, batchPrompts: 32, maxActivations: tokens, ...windowsBy({ windows, stride }) },
    onProgress: ({ activations }) => reading.set(activations),
  });
  const held = await manifest.time("extract held-out", () => holdActivations(stream, layer, tokens));
  reading.end();
  const stage = progress.stage("encode", held.ids.length, "activations");
  const encode = () => featureFirings(sae, held.batches, strongest, (done) => stage.advance(done));
  const features = await run.kept("firings of features", () => manifest.time("encode", encode));
  stage.end();
  return { held, features, decoder: await backend.download(sae.decoder) };
}
