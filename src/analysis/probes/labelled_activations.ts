import { extract, type ExtractOptions, type Text, type TokenIds } from "../../activations/extract.ts";
import { batchAt } from "../../activations/stream.ts";
import type { LanguageModel } from "../../model/types.ts";
import type { DenseRows } from "./feature_rows.ts";
import type { LabelRule } from "./labels.ts";

/** A document to probe. */
export interface LabelledDocument {
  /** What is read. */
  readonly text: Text | TokenIds;
  /** Its kind: its source, its topic, whether it is harmful. */
  readonly kind: string;
}

/** A label of every row. */
export interface Label {
  /** What is told, in words. */
  readonly name: string;
  /** Names of its classes. */
  readonly classes: readonly string[];
  /** Number of the class of each row; -1, as in scikit-learn, of a row without a label: `balancedRows` never draws these. */
  readonly values: Int32Array<ArrayBuffer>;
  /** Whether all rows of a document have the same. */
  readonly ofDocument: boolean;
}

/** Activations of documents at one layer, a row a token position, with labels. */
export interface LabelledActivations extends DenseRows {
  /** Token id of each row. */
  readonly tokens: Int32Array<ArrayBuffer>;
  /** Number of the document of each row. */
  readonly documents: Int32Array<ArrayBuffer>;
  /** Kind of each document. */
  readonly kinds: readonly string[];
  /** What is told of the rows. */
  readonly labels: readonly Label[];
}

/**
 * Reads every position of documents but the first, at one layer, and labels it. All are in memory, `rows x dim` float32.
 *
 * @param documents What is read.
 * @param rules What is told of every row.
 * @param reading `layer`, and how documents are read, as by `extract`; but a long one is cut to the context unless all
 * windows are asked for.
 *
 * @example
 * ```ts
 * import { loadModel } from "../../model/load.ts";
 * import { kindLabel } from "./labels.ts";
 *
 * const model = await loadModel("fixtures/gemma-2-toy", { device: "cpu" });
 * const documents = [{ text: "A cat sat.", kind: "prose" }, { text: "let x = 1;", kind: "code" }];
 * const read = await readLabelled(model, documents, [kindLabel("kind", ["code", "prose"])], { layer: 3, context: 16 });
 * const { rows, labels: [{ values }], documents: of } = read;
 * if (values[0] !== 1 || values[rows - 1] !== 0 || of[rows - 1] !== 1) throw new Error(values.join());
 * await model.dispose();
 * ```
 */
export async function readLabelled(
  model: LanguageModel,
  documents: readonly LabelledDocument[],
  rules: readonly LabelRule[],
  { layer, windows = "first", ...reading }:
    & { readonly layer: number }
    & Pick<ExtractOptions, "context" | "windows" | "stride" | "batchPrompts" | "onProgress">,
): Promise<LabelledActivations> {
  const parts: Float32Array[] = [];
  const [tokens, owners]: number[][] = [[], []];
  const values = rules.map((): number[] => []);
  for await (
    const streamed of extract(model, documents.map(({ text }) => text), { ...reading, windows, layers: [layer] })
  ) {
    using batch = streamed;
    const { data, rows, provenance } = batchAt(batch, layer);
    parts.push(data);
    const { prompts, prompt, position, token } = provenance!;
    for (let row = 0; row < rows; row++) {
      const document = prompts[prompt[row]].text;
      tokens.push(token[row]);
      owners.push(document);
      const seen = {
        kind: documents[document].kind,
        tokens: prompts[prompt[row]].tokens,
        position: position[row],
      };
      for (const [i, rule] of rules.entries()) {
        const className = rule.classOf(seen);
        values[i].push(className === undefined ? -1 : rule.classes.indexOf(className));
      }
    }
  }
  const data = new Float32Array(tokens.length * model.dim);
  let start = 0;
  for (const part of parts) {
    data.set(part, start);
    start += part.length;
  }
  return {
    data,
    rows: tokens.length,
    dim: model.dim,
    tokens: Int32Array.from(tokens),
    documents: Int32Array.from(owners),
    kinds: documents.map(({ kind }) => kind),
    labels: rules.map(({ name, classes, ofDocument }, i) => {
      return { name, classes, ofDocument, values: Int32Array.from(values[i]) };
    }),
  };
}
