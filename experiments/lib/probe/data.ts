/** What the probes are trained and tested on: activations, the documents they are of, and labels. */
import { batchAt, type CorpusEntry, extract } from "../../../src/activations/mod.ts";
import { TOKEN_CLASSES, tokenClass } from "../../../src/analysis/mod.ts";
import type { LanguageModel } from "../../../src/model/mod.ts";

/** Activations of labelled documents. */
export interface ProbeData {
  /** `rows x dim`. */
  readonly data: Float32Array<ArrayBuffer>;
  readonly rows: number;
  readonly dim: number;
  /** Token id of each row. */
  readonly tokens: Int32Array<ArrayBuffer>;
  /** Document of each row. */
  readonly documents: Int32Array<ArrayBuffer>;
  /** Kind of each document: its source, or whether an instruction is harmful. */
  readonly kinds: readonly string[];
  readonly labels: readonly Label[];
}

/** Something that a probe is to tell. */
export interface Label {
  readonly name: string;
  readonly classes: readonly string[];
  /** Class of each row, -1 where the label does not apply. */
  readonly values: Int32Array<ArrayBuffer>;
  /** Whether all rows of a document have the same. */
  readonly ofDocument: boolean;
}

/** Texts by kind. */
export interface ProbeTexts {
  /** Texts with their domain. */
  readonly texts: readonly CorpusEntry[];
  /** Field of a text that names its domain. */
  readonly field: string;
  readonly harmful: readonly CorpusEntry[];
  readonly harmless: readonly CorpusEntry[];
}

/** Parts of the context that the position is told by. */
const QUARTERS = 4;

/**
 * Reads every position of the texts at one layer. Instructions are read as plain text, as the dictionaries' corpus is:
 * in a chat template their last positions are the same tokens for all, which no dictionary of plain text has seen.
 */
export async function readProbeData(
  model: LanguageModel,
  { texts, field, harmful, harmless }: ProbeTexts,
  reading: { layer: number; context: number; batchPrompts: number },
): Promise<ProbeData> {
  const { layer, context, batchPrompts } = reading;
  const all = [...texts, ...harmful, ...harmless];
  const kinds = [
    ...texts.map(({ fields }) => String(fields[field])),
    ...harmful.map(() => "harmful"),
    ...harmless.map(() => "harmless"),
  ];
  const classOf = new Map<number, number>();
  const classNumber = (token: number) => {
    const known = classOf.get(token) ??
      TOKEN_CLASSES.indexOf(tokenClass(model.decode([token], { skipSpecial: false })));
    classOf.set(token, known);
    return known;
  };

  const parts: Float32Array[] = [];
  const [tokens, documents, own, next, quarter]: number[][] = [[], [], [], [], []];
  for await (const streamed of extract(model, all, { layers: [layer], context, batchPrompts })) {
    const { data, rows, provenance } = batchAt(streamed, layer);
    parts.push(data!);
    const { prompts, prompt, position, token } = provenance!;
    for (let row = 0; row < rows; row++) {
      const ids = prompts[prompt[row]].tokens;
      const document = streamed.promptsBefore + prompt[row];
      const isText = document < texts.length;
      tokens.push(token[row]);
      documents.push(document);
      own.push(isText ? classNumber(token[row]) : -1);
      next.push(isText && position[row] + 1 < ids.length ? classNumber(ids[position[row] + 1]) : -1);
      // Only of texts that fill the context: every quarter then has the same texts.
      quarter.push(
        isText && ids.length === context ? Math.floor((position[row] - 1) * QUARTERS / (context - 1)) : -1,
      );
    }
    streamed.dispose();
  }
  const data = new Float32Array(tokens.length * model.dim);
  let start = 0;
  for (const part of parts) {
    data.set(part, start);
    start += part.length;
  }
  const domains = [...new Set(kinds.slice(0, texts.length))].sort();
  const ofDocument = (name: string, classes: readonly string[]): Label => ({
    name,
    classes,
    values: Int32Array.from(documents, (document) => classes.indexOf(kinds[document])),
    ofDocument: true,
  });
  const ofToken = (name: string, classes: readonly string[], values: readonly number[]): Label => ({
    name,
    classes,
    values: Int32Array.from(values),
    ofDocument: false,
  });
  return {
    data,
    rows: tokens.length,
    dim: model.dim,
    tokens: Int32Array.from(tokens),
    documents: Int32Array.from(documents),
    kinds,
    labels: [
      ofDocument("domain", domains),
      ofToken("token class", TOKEN_CLASSES, own),
      ofToken("next token's class", TOKEN_CLASSES, next),
      ofToken("position", Array.from({ length: QUARTERS }, (_, i) => `quarter ${i + 1}`), quarter),
      ofDocument("harmful", ["harmless", "harmful"]),
    ],
  };
}
