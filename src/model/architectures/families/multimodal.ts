/** A multimodal model around a decoder of a known family, which alone is run. */
export interface Wrapper {
  /** The `model_type` of its text part, which `text_config` may leave out. */
  readonly text: string;
  /** Fields of config.json, beside `text_config`, that are of its other parts. */
  readonly fields: readonly string[];
  /** Its other parts, as names of their tensors begin. */
  readonly others: readonly string[];
}

const IMAGES = { fields: ["vision_config"], others: ["vision_tower", "multi_modal_projector"] };

export const gemma3Images: Wrapper = {
  text: "gemma3_text",
  fields: [...IMAGES.fields, "mm_tokens_per_image"],
  others: IMAGES.others,
};

export const mistral3: Wrapper = {
  text: "mistral",
  fields: [
    ...IMAGES.fields,
    "multimodal_projector_bias",
    "projector_hidden_act",
    "spatial_merge_size",
    "vision_feature_layer",
  ],
  others: IMAGES.others,
};
