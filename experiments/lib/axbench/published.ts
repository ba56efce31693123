/** What was published for Gemma-2-2B-it, block 20, 500 concepts: another model than the embedded ones, beside their figures. */
export const PUBLISHED_AXBENCH =
  "Published for Gemma-2-2B-it, block 20, p 1, 500 concepts (another model and other concepts than this run's, unless its " +
  "flags say so), mean AUROC: 0.881 (exemplar, contrast rule), 0.935 to 0.937 (mean, AUROC rule), 0.828 (exemplar, AUROC " +
  "rule); SAE-A, a feature of a sparse autoencoder chosen on train texts, 0.911; Gemma Scope's own feature of the concept 0.755.";
