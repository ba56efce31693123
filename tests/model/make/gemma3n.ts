/**
 * Gemma 3n's decoder: there is no single residual stream. Two of them run through the blocks as one tensor; each block
 * predicts both from both, computes attention (beside a low-rank path, laurel) and feed-forward part from the first
 * prediction, corrects both predictions by what came out, and adds numbers of its own for each token to the second.
 */
import {
  attention,
  attentionOf,
  BLOCKS,
  causalMask,
  configOf,
  DIM,
  embedding,
  embeddingOf,
  EPSILON,
  gatedMlp,
  gatedMlpOf,
  linear,
  type Made,
  moduleName,
  rmsNorm,
  siluNode,
  tokenInputs,
  unembed,
  VOCAB,
} from "./layers.ts";
import { Net } from "./net.ts";
import { type BlockRun, dot, expectedOf, linearOf, plus, rmsNormOf, type Rows, scaled, silu, times } from "./plain.ts";

/** Number of streams. */
const STREAMS = 2;
/** Width of laurel, and of what a token brings to each block. */
const NARROW = 4;
const ROOT = "/model/language_model";
const ROOT_HALF = Math.SQRT1_2;

export function gemma3n(): Made {
  const net = new Net();
  tokenInputs(net);
  const mask = causalMask(net);
  let x = stacked(net);
  const own = perLayerInputs(net);
  for (let layer = 0; layer < BLOCKS; layer++) x = block(net, x, layer, mask, own);
  unembed(net, "/lm_head", rmsNorm(net, `${ROOT}/norm`, unstacked(net, x)));
  const expected = expectedOf({
    embed: (token) => stackedOf(net, token),
    blocks: Array.from({ length: BLOCKS }, (_, layer) => (x, tokens) => blockOf(net, x, layer, tokens)),
    head: (x) => linearOf(net, "/lm_head", rmsNormOf(net, `${ROOT}/norm`, [unstackedOf(net, x)], EPSILON))[0],
  });
  return { bytes: net.bytes(), config: config(), expected };
}

/** The decoder's fields are in text_config. */
function config(): Record<string, unknown> {
  const { model_type, architectures, ...fields } = configOf("gemma3n", "Gemma3nForCausalLM", {
    altup_num_inputs: STREAMS,
    altup_active_idx: 0,
    laurel_rank: NARROW,
    hidden_size_per_layer_input: NARROW,
  });
  return { model_type, architectures, ...fields, text_config: { model_type: "gemma3n_text", ...fields } };
}

/** `[streams, batch, length, dim]`: the embedding, and a projection of it. */
function stacked(net: Net): string {
  const first = net.op("Mul", ROOT, [embedding(net, `${ROOT}/embed_tokens`), net.number(ROOT, Math.sqrt(DIM))]);
  const both = [first, linear(net, `${ROOT}/altup_projections.0`, first, DIM)];
  const parts = both.map((part) => net.op("Unsqueeze", ROOT, [part, net.ints(ROOT, [0])]));
  return net.op("Concat", ROOT, parts, { attributes: { axis: 0n } });
}

/** In the loops, streams stand side by side in a row. */
function stackedOf(net: Net, token: number): number[] {
  const first = scaled([embeddingOf(net, `${ROOT}/embed_tokens`, token)], Math.sqrt(DIM));
  return [...first[0], ...linearOf(net, `${ROOT}/altup_projections.0`, first)[0]];
}

/** One of the streams. */
function pick(net: Net, path: string, x: string, index: number): string {
  return net.op("Gather", path, [x, net.int(path, index)], { attributes: { axis: 0n } });
}

function pickOf(x: Rows, index: number): Rows {
  return x.map((row) => row.slice(index * DIM, (index + 1) * DIM));
}

/** The mean of the first stream and a projection of the second. */
function unstacked(net: Net, x: string): string {
  const path = `${ROOT}/altup_unembed_projections.0`;
  const sum = net.op("Add", ROOT, [pick(net, ROOT, x, 0), linear(net, path, pick(net, ROOT, x, 1), DIM)]);
  return net.op("Div", ROOT, [sum, net.number(ROOT, STREAMS)]);
}

function unstackedOf(net: Net, x: number[]): number[] {
  const [first, second] = [0, 1].map((index) => pickOf([x], index));
  return scaled(plus(first, linearOf(net, `${ROOT}/altup_unembed_projections.0`, second)), 1 / STREAMS)[0];
}

/** `[batch, length, blocks, narrow]`: what each token brings to each block. */
function perLayerInputs(net: Net): string {
  const path = `${ROOT}/embed_tokens_per_layer`;
  const table = net.weight(`${path}.weight`, [VOCAB, BLOCKS * NARROW], 1, 0, `${moduleName(path)}.weight`);
  const rows = net.op("Gather", path, [table, "input_ids"]);
  return net.op("Reshape", path, [rows, net.ints(path, [0, 0, BLOCKS, NARROW])]);
}

function perLayerInputOf(net: Net, token: number, layer: number): number[] {
  const start = (token * BLOCKS + layer) * NARROW;
  return Array.from(net.values(`${ROOT}/embed_tokens_per_layer.weight`).values.subarray(start, start + NARROW));
}

function block(net: Net, x: string, layer: number, mask: string, own: string): string {
  const path = `${ROOT}/layers.${layer}`;
  const predictions = predict(net, `${path}/altup`, x);
  const active = pick(net, path, predictions, 0);
  const normed = rmsNorm(net, `${path}/input_layernorm`, active);
  const attended = attention(net, `${path}/self_attn`, normed, layer, mask);
  const gated = net.op("Add", path, [active, rmsNorm(net, `${path}/post_attention_layernorm`, attended)]);
  const both = net.op("Add", path, [gated, laurel(net, `${path}/laurel`, normed)]);
  const middle = net.op("Mul", path, [both, net.number(path, ROOT_HALF)]);
  const fed = gatedMlp(net, `${path}/mlp`, rmsNorm(net, `${path}/pre_feedforward_layernorm`, middle));
  const activated = net.op("Add", path, [middle, rmsNorm(net, `${path}/post_feedforward_layernorm`, fed)]);
  return withOwn(net, path, correct(net, `${path}/altup`, predictions, activated), layer, own);
}

function blockOf(net: Net, x: Rows, layer: number, tokens: readonly number[]): BlockRun {
  const path = `${ROOT}/layers.${layer}`;
  const norm = (name: string, x: Rows) => rmsNormOf(net, `${path}/${name}`, x, EPSILON);
  const predictions = predictOf(net, `${path}/altup`, x);
  const active = pickOf(predictions, 0);
  const normed = norm("input_layernorm", active);
  const gated = plus(active, norm("post_attention_layernorm", attentionOf(net, `${path}/self_attn`, normed)));
  const middle = scaled(plus(gated, laurelOf(net, `${path}/laurel`, normed)), ROOT_HALF);
  const fed = gatedMlpOf(net, `${path}/mlp`, norm("pre_feedforward_layernorm", middle));
  const activated = plus(middle, norm("post_feedforward_layernorm", fed));
  return { stream: withOwnOf(net, path, correctOf(net, `${path}/altup`, predictions, activated), layer, tokens) };
}

/** A low-rank path beside attention. */
function laurel(net: Net, path: string, x: string): string {
  const narrow = linear(net, `${path}/linear_left`, x, NARROW);
  const wide = linear(net, `${path}/linear_right`, narrow, DIM, NARROW);
  return net.op("Add", path, [x, rmsNorm(net, `${path}/post_laurel_norm`, wide)]);
}

function laurelOf(net: Net, path: string, x: Rows): Rows {
  const wide = linearOf(net, `${path}/linear_right`, linearOf(net, `${path}/linear_left`, x));
  return plus(x, rmsNormOf(net, `${path}/post_laurel_norm`, wide, EPSILON));
}

/** `[batch, length, streams]`: what the coefficients are computed from. */
function modalities(net: Net, path: string, x: string, correction: boolean): string {
  const inputs = correction ? `${path}/correction` : path;
  const normed = net.op("Mul", path, [rmsNorm(net, `${inputs}/router_norm`, x), net.number(path, 1 / DIM)]);
  return net.op("Tanh", path, [linear(net, `${inputs}/modality_router`, normed, STREAMS)]);
}

function modalitiesOf(net: Net, path: string, x: Rows, correction: boolean): Rows {
  const inputs = correction ? `${path}/correction` : path;
  const normed = scaled(rmsNormOf(net, `${inputs}/router_norm`, x, EPSILON), 1 / DIM);
  return linearOf(net, `${inputs}/modality_router`, normed).map((row) => row.map(Math.tanh));
}

/** Both streams, plus a mixture of both. */
function predict(net: Net, path: string, x: string): string {
  const turn = (of: string, perm: bigint[]) => net.op("Transpose", path, [of], { attributes: { perm } });
  const coefficients = linear(
    net,
    `${path}/prediction_coefs`,
    modalities(net, path, pick(net, path, x, 0), false),
    STREAMS ** 2,
    STREAMS,
  );
  const matrix = net.op("Reshape", path, [coefficients, net.ints(path, [0, 0, STREAMS, STREAMS])]);
  const mixed = net.op("MatMul", path, [turn(x, [1n, 2n, 3n, 0n]), turn(matrix, [0n, 1n, 3n, 2n])]);
  return net.op("Add", path, [turn(mixed, [3n, 0n, 1n, 2n]), x]);
}

function predictOf(net: Net, path: string, x: Rows): Rows {
  const coefficients = linearOf(net, `${path}/prediction_coefs`, modalitiesOf(net, path, pickOf(x, 0), false));
  return x.map((row, p) => {
    const streams = Array.from({ length: STREAMS }, (_, index) => pickOf([row], index)[0]);
    return row.map((value, at) => {
      const [to, i] = [Math.floor(at / DIM), at % DIM];
      const weights = coefficients[p].slice(to * STREAMS, (to + 1) * STREAMS);
      return value + dot(weights, streams.map((stream) => stream[i]));
    });
  });
}

/** Both predictions, each moved by a share of what the first was wrong. */
function correct(net: Net, path: string, predictions: string, activated: string): string {
  const wrong = net.op("Sub", path, [activated, pick(net, path, predictions, 0)]);
  const coefficients = linear(
    net,
    `${path}/correction_coefs`,
    modalities(net, path, activated, true),
    STREAMS,
    STREAMS,
  );
  const shares = net.op("Add", path, [coefficients, net.number(path, 1)]);
  const turned = net.op("Transpose", path, [shares], { attributes: { perm: [2n, 0n, 1n] } });
  const moved = net.op("Mul", path, [wrong, net.op("Unsqueeze", path, [turned, net.ints(path, [3])])]);
  return net.op("Add", path, [moved, predictions]);
}

function correctOf(net: Net, path: string, predictions: Rows, activated: Rows): Rows {
  const coefficients = linearOf(net, `${path}/correction_coefs`, modalitiesOf(net, path, activated, true));
  return predictions.map((row, p) =>
    row.map((value, at) => {
      const i = at % DIM;
      return value + (activated[p][i] - row[i]) * (1 + coefficients[p][Math.floor(at / DIM)]);
    })
  );
}

/** Adds what the token brings to this block to the second stream, as far as the first lets it. */
function withOwn(net: Net, path: string, corrected: string, layer: number, own: string): string {
  const first = pick(net, path, corrected, 0);
  const scale = net.weight(
    `${path}/altup/correct_output_scale`,
    [DIM],
    0.3,
    1,
    moduleName(`${path}/altup/correct_output_scale`),
  );
  const gate = siluNode(
    net,
    path,
    linear(net, `${path}/per_layer_input_gate`, net.op("Mul", path, [first, scale]), NARROW),
  );
  const brought = net.op("Gather", path, [own, net.int(path, layer)], { attributes: { axis: 2n } });
  const wide = linear(net, `${path}/per_layer_projection`, net.op("Mul", path, [gate, brought]), DIM, NARROW);
  const added = net.op("Add", path, [
    pick(net, path, corrected, 1),
    rmsNorm(net, `${path}/post_per_layer_input_norm`, wide),
  ]);
  const parts = [first, added].map((part) => net.op("Unsqueeze", path, [part, net.ints(path, [0])]));
  return net.op("Concat", path, parts, { attributes: { axis: 0n } });
}

function withOwnOf(net: Net, path: string, corrected: Rows, layer: number, tokens: readonly number[]): Rows {
  const first = pickOf(corrected, 0);
  const scale = net.values(`${path}/altup/correct_output_scale`).values;
  const seen = first.map((row) => row.map((value, i) => value * scale[i]));
  const gate = linearOf(net, `${path}/per_layer_input_gate`, seen).map((row) => row.map(silu));
  const brought = tokens.map((token) => perLayerInputOf(net, token, layer));
  const wide = linearOf(net, `${path}/per_layer_projection`, times(gate, brought));
  const added = plus(pickOf(corrected, 1), rmsNormOf(net, `${path}/post_per_layer_input_norm`, wide, EPSILON));
  return first.map((row, p) => [...row, ...added[p]]);
}
