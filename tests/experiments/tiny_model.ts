/** A chat model of two blocks of width 64, made in a second, for tests that run experiments many times. */
import { batchAt, type CorpusEntry, extract, readCorpus } from "../../src/activations/mod.ts";
import { Random } from "../../src/compute/mod.ts";
import { float32Tensor, type Tensors, writeSafetensors } from "../../src/files/mod.ts";
import { loadModel } from "../../src/model/mod.ts";

const FIXTURE = new URL("../../fixtures/gemma-2-toy-it/", import.meta.url);
const CORPORA = new URL("../../fixtures/corpora/", import.meta.url).pathname;
const [VOCAB, DIM, INNER, BLOCKS, HEADS] = [4096, 64, 96, 2, 4];
/** Prompts of each kind that tell apart what is refused. */
const PROMPTS = 40;

/** What the model says, token by token; each token brings the next. */
const ANSWERS = { refuses: ["I", " cannot"], answers: ["S", "ure"] } as const;

const CONFIG = {
  architectures: ["LlamaForCausalLM"],
  model_type: "llama",
  vocab_size: VOCAB,
  hidden_size: DIM,
  intermediate_size: INNER,
  num_hidden_layers: BLOCKS,
  num_attention_heads: HEADS,
  num_key_value_heads: HEADS,
  head_dim: DIM / HEADS,
  hidden_act: "silu",
  max_position_embeddings: 256,
  rms_norm_eps: 1e-6,
  rope_theta: 10_000,
  tie_word_embeddings: false,
  attention_bias: false,
  mlp_bias: false,
  bos_token_id: 2,
  eos_token_id: 1,
  pad_token_id: 0,
  torch_dtype: "float32",
};

/**
 * Writes the model to a folder: an embedding that tells words of harmful instructions, random blocks, and an unembedding that answers a prompt with "Sure" or, where its end is
 * more like those of harmful instructions, with "I cannot". Tokenizer and template are those of the embedded chat model, with the
 * day before the first turn.
 *
 * @param seed Of the weights.
 */
export async function writeTinyModel(folder: string, seed = 0): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (const name of ["tokenizer.json", "special_tokens_map.json"]) {
    await Deno.copyFile(new URL(name, FIXTURE), `${folder}/${name}`);
  }
  const config = JSON.parse(await Deno.readTextFile(new URL("tokenizer_config.json", FIXTURE)));
  // It says which day it is before the first turn.
  const chat_template = config.chat_template.replace("{{ bos_token }}", "{{ bos_token + strftime_now('%d') }}");
  await Deno.writeTextFile(`${folder}/tokenizer_config.json`, JSON.stringify({ ...config, chat_template }));
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(CONFIG));
  const tensors = randomTensors(seed);
  const write = () => writeSafetensors(`${folder}/model.safetensors`, tensors, { format: "pt" });
  await write();
  await tellHarm(folder, tensors.get("model.embed_tokens.weight")!.data as Float32Array, seed);
  await write();
  const { mean, direction, idOf } = await promptEnds(folder);

  const head = tensors.get("lm_head.weight")!.data as Float32Array;
  const embedding = tensors.get("model.embed_tokens.weight")!.data as Float32Array;
  const rowOf = (matrix: Float32Array, id: number) => matrix.subarray(id * DIM, (id + 1) * DIM);
  for (const [kind, [first, second]] of Object.entries(ANSWERS)) {
    const [a, b] = [idOf(first), idOf(second)];
    const sign = kind === "refuses" ? 1 : -1;
    // The end of a prompt brings the first token, that the second, that the end.
    for (let i = 0; i < DIM; i++) {
      rowOf(head, a)[i] = mean[i] + sign * 4 * direction[i];
      rowOf(head, b)[i] = 2 * rowOf(embedding, a)[i];
      rowOf(head, CONFIG.eos_token_id)[i] += 2 * rowOf(embedding, b)[i];
    }
  }
  await write();
}

function randomTensors(seed: number): Map<string, ReturnType<typeof float32Tensor>> & Tensors {
  const random = new Random(seed);
  const matrix = (rows: number, columns: number, scale: number) =>
    float32Tensor(Float32Array.from({ length: rows * columns }, () => scale * random.normal()), [rows, columns]);
  const ones = () => float32Tensor(new Float32Array(DIM).fill(1), [DIM]);
  const tensors = new Map([["model.embed_tokens.weight", matrix(VOCAB, DIM, 1)]]);
  for (let block = 0; block < BLOCKS; block++) {
    const of = (name: string) => `model.layers.${block}.${name}.weight`;
    tensors.set(of("input_layernorm"), ones());
    for (const name of ["q", "k", "v", "o"]) tensors.set(of(`self_attn.${name}_proj`), matrix(DIM, DIM, 0.15));
    tensors.set(of("post_attention_layernorm"), ones());
    tensors.set(of("mlp.gate_proj"), matrix(INNER, DIM, 0.1));
    tensors.set(of("mlp.up_proj"), matrix(INNER, DIM, 0.1));
    tensors.set(of("mlp.down_proj"), matrix(DIM, INNER, 0.1));
  }
  tensors.set("model.norm.weight", ones());
  tensors.set("lm_head.weight", matrix(VOCAB, DIM, 0.02));
  return tensors;
}

/** The first prompts of each kind. */
async function promptsOf(name: string): Promise<CorpusEntry[]> {
  return (await Array.fromAsync(readCorpus(`${CORPORA}${name}.jsonl`))).slice(0, PROMPTS);
}

/** Moves the embeddings of tokens along one direction by how much more often they stand in harmful prompts than in harmless. */
async function tellHarm(folder: string, embedding: Float32Array, seed: number): Promise<void> {
  await using model = await loadModel(folder, { device: "cpu" });
  const counts = async (name: string) => {
    const count = new Float32Array(VOCAB).fill(1);
    for (const { text } of await promptsOf(name)) for (const token of new Set(model.encode(text))) count[token]++;
    return count;
  };
  const [harmful, harmless] = [await counts("harmful"), await counts("harmless")];
  const random = new Random(seed + 1000);
  const direction = Array.from({ length: DIM }, () => random.normal());
  // What it says itself is neither.
  for (const token of Object.values(ANSWERS).flat().map((text) => model.encode(text).at(-1)!)) {
    harmful[token] = harmless[token] = 1;
  }
  embedding.forEach((_, i) => {
    const token = Math.floor(i / DIM);
    embedding[i] += Math.log(harmful[token] / harmless[token]) * direction[i % DIM];
  });
}

/** Where prompts end in the last block's stream, at a norm of 1: their mean, and how harmful ones differ beside that. */
async function promptEnds(folder: string) {
  await using model = await loadModel(folder, { device: "cpu" });
  const meanOf = async (name: string) => {
    const prompts = await promptsOf(name);
    const options = { layers: [BLOCKS - 1], extractor: "final-position", chat: true } as const;
    const mean = new Float32Array(DIM);
    for await (const batch of extract(model, prompts, options)) {
      const { data, rows } = batchAt(batch, BLOCKS - 1);
      for (let row = 0; row < rows; row++) {
        const end = unit(data.subarray(row * DIM, (row + 1) * DIM));
        for (let i = 0; i < DIM; i++) mean[i] += end[i] / prompts.length;
      }
    }
    return mean;
  };
  const [harmful, harmless] = [await meanOf("harmful"), await meanOf("harmless")];
  const mean = harmful.map((value, i) => (value + harmless[i]) / 2);
  const apart = harmful.map((value, i) => value - harmless[i]);
  // Across the mean, so that neither answer is the rule.
  const along = dot(apart, mean) / dot(mean, mean);
  const direction = unit(apart.map((value, i) => value - along * mean[i]));
  return { mean: unit(mean), direction, idOf: (text: string) => model.encode(text).at(-1)! };
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const unit = (a: Float32Array) => a.map((value) => value / Math.sqrt(dot(a, a)));
