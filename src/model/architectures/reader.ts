/** config.json as a family reads it: every field that it asks for is known, and any other is suspect. */
import type { Config } from "../config.ts";
import { ModelError } from "../error.ts";
import type { StoredTensors } from "./tensors.ts";

/** Fields that change no activation of a forward pass, or are read elsewhere (the tokens). */
const HARMLESS = new Set([
  // Who made it, and with what.
  ..."_name_or_path _model_name_or_path tokenizer_name model_max_length architectures auto_map dtype torch_dtype transformers_version model_type tokenizer_class"
    .split(
      " ",
    ),
  ..."transformers.js_config _attn_implementation attn_implementation onnx_safe torchscript use_bfloat16".split(" "),
  // Training.
  ..."initializer_range initializer_factor init_std initializer_cutoff_factor rescale_prenorm_residual".split(" "),
  ..."layerdrop gradient_checkpointing router_aux_loss_coef router_jitter_noise output_router_logits".split(" "),
  ..."pretraining_tp slow_but_exact skip_bias_add skip_bias_add_qkv bias_dropout_fusion masked_softmax_fusion".split(
    " ",
  ),
  // Other heads than the language model's.
  ..."summary_type summary_use_proj summary_activation summary_proj_to_labels task_specific_params".split(" "),
  ..."problem_type id2label label2id finetuning_task predict_special_tokens n_special".split(" "),
  // How it is run, and how far: longer texts than it was trained for are the reader's concern.
  ..."use_cache cache_implementation output_attentions output_hidden_states return_dict is_encoder_decoder".split(" "),
  ..."is_decoder add_cross_attention chunk_size_feed_forward max_position_embeddings n_positions n_ctx seq_length"
    .split(" "),
  ..."attention_softmax_in_fp32 scale_attention_softmax_in_fp32 reorder_and_upcast_attn".split(" "),
  ..."inference_runner validate_runner_input max_batch_size max_sequence_length pre_allocate_kv_cache attn_type unk_index offset_alibi"
    .split(" "),
  // Generation.
  ..."top_k top_p temperature repetition_penalty length_penalty num_beams max_length min_length do_sample prefix".split(
    " ",
  ),
  ..."output_scores return_dict_in_generate remove_invalid_values early_stopping num_return_sequences".split(" "),
  ..."vocab_size".split(" "),
  // Off in files that have nothing to do with them.
  ..."tie_encoder_decoder use_mrope tf_legacy_loss".split(" "),
  // Whose it is, once more; the decoder's own part of it, which is read in its place.
  ..."is_llama_config custom_pipelines text_config".split(" "),
]);

/** What a checkpoint says and has. */
export class CheckpointReader {
  readonly #known = new Set<string>();

  constructor(readonly config: Config, readonly tensors: StoredTensors) {}

  /** What model it says it is. */
  get type(): string {
    return String(this.config.model_type);
  }

  /** A number; the first of several names that is there. Without `otherwise` it must be there. */
  number(names: string | readonly string[], otherwise?: number): number {
    const [name, value] = this.#one(names);
    if (value === undefined && otherwise !== undefined) return otherwise;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw this.#wrong(name, "a number", value);
  }

  /**
   * A number that has several names, the family's own first.
   *
   * @throws {ModelError} if they say different things, or others than its own say something: versions of transformers
   * heed one or another then.
   */
  agreed(names: readonly string[], otherwise: number): number {
    const told = names.map((name) => this.maybeNumber(name));
    const others = told.slice(1).filter((value) => value !== undefined);
    if (others.every((value) => value === told[0])) return told[0] ?? otherwise;
    throw this.#wrong(names[0], `what ${names.slice(1).join(" and ")} is`, told[0]);
  }

  /** A number, or none where the field is null or absent. */
  maybeNumber(names: string | readonly string[]): number | undefined {
    const [name, value] = this.#one(names);
    if (value === undefined) return undefined;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    throw this.#wrong(name, "a number or null", value);
  }

  /** A whole number of at least one. */
  count(names: string | readonly string[], otherwise?: number): number {
    const value = this.number(names, otherwise);
    if (Number.isInteger(value) && value > 0) return value;
    throw this.#wrong([names].flat()[0], "a whole number above zero", value);
  }

  /** Yes or no. */
  flag(name: string, otherwise: boolean): boolean {
    const [, value] = this.#first(name);
    if (value === undefined) return otherwise;
    if (typeof value === "boolean") return value;
    throw this.#wrong(name, "true or false", value);
  }

  /** A text, or none. */
  text(names: string | readonly string[], otherwise?: string): string | undefined {
    const [name, value] = this.#first(names);
    if (value === undefined) return otherwise;
    if (typeof value === "string") return value;
    throw this.#wrong(name, "a text", value);
  }

  /** An object, or none. */
  record(name: string): Record<string, unknown> | undefined {
    const [, value] = this.#first(name);
    if (value === undefined) return undefined;
    if (typeof value === "object" && !Array.isArray(value)) return value as Record<string, unknown>;
    throw this.#wrong(name, "an object", value);
  }

  /** A list, or none. */
  list(name: string): unknown[] | undefined {
    const [, value] = this.#first(name);
    if (value === undefined) return undefined;
    if (Array.isArray(value)) return value;
    throw this.#wrong(name, "a list", value);
  }

  /** Whether the file speaks of a field, be it null. */
  says(name: string): boolean {
    this.#known.add(name);
    return name in this.config;
  }

  /** Fields whose only value that this family computes is the one given; any other is refused. */
  only(fields: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(fields)) {
      const [, found] = this.#first(name);
      if (found === undefined || JSON.stringify(found) === JSON.stringify(value)) continue;
      throw this.#wrong(name, JSON.stringify(value), found);
    }
  }

  /** Fields that do not change what is computed here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#known.add(name);
  }

  /** `prefix` if the checkpoint's names have it, as those of a whole model do; a bare decoder's have not. */
  prefix(prefix: string, name: string): string {
    return this.tensors.has(prefix + name) || !this.tensors.has(name) ? prefix : "";
  }

  /** Throws if config.json has a field that nobody asked for and that may change activations. */
  assertUnderstood(): void {
    for (const [name, value] of Object.entries(this.config)) {
      if (this.#known.has(name) || HARMLESS.has(name) || value === null) continue;
      if (/token_id|_token_index|dropout|_pdrop|^unsloth/.test(name)) continue;
      throw new ModelError(
        `Expected a ${this.type} model as its table knows it but config.json says "${name}": ${
          JSON.stringify(value).slice(0, 80)
        }, which may change what is computed: take an ONNX export`,
      );
    }
  }

  /** What all names that are there say. */
  #one(names: string | readonly string[]): [string, unknown] {
    const [name, value] = this.#first(names);
    const other = [names].flat().find((other) => (this.config[other] ?? value) !== value);
    if (other === undefined) return [name, value];
    throw this.#wrong(name, `what ${other} is (${JSON.stringify(this.config[other])})`, value);
  }

  #first(names: string | readonly string[]): [string, unknown] {
    const list = [names].flat() as string[];
    for (const name of list) this.#known.add(name);
    const first = list.find((name) => this.config[name] !== undefined && this.config[name] !== null);
    return first === undefined ? [list[0], undefined] : [first, this.config[first]];
  }

  #wrong(name: string, expected: string, value: unknown): ModelError {
    const found = value === undefined ? "it has none" : `it is ${JSON.stringify(value).slice(0, 80)}`;
    return new ModelError(`Expected "${name}" in config.json of a ${this.type} model to be ${expected} but ${found}`);
  }
}
