/**
 * The npm packages that this module pins, for run manifests. Each is named with its version in one file of `src/`; a
 * test compares this list with them.
 */
export const PACKAGES: Readonly<Record<string, string>> = {
  "@bufbuild/protobuf": "2.17.0",
  "@expo-google-fonts/arimo": "0.4.3",
  "@huggingface/transformers": "4.3.1",
  "@resvg/resvg-wasm": "2.6.2",
  "@zip.js/zip.js": "2.24.0",
  "apache-arrow": "21.2.0",
  "csv-parse": "7.0.3",
  "d3-geo-voronoi": "2.1.0",
  "dejavu-fonts-ttf": "2.37.3",
  "fmin": "0.0.4",
  "hyparquet": "1.31.5",
  "hyparquet-writer": "0.17.0",
  "lz4js": "0.2.0",
  "ml-pca": "4.1.1",
  "munkres": "2.0.4",
  "onnxruntime-common": "1.30.0",
  "onnxruntime-node": "1.30.0",
  "onnxruntime-web": "1.30.0",
  "opentype.js": "2.0.0",
  "vega": "6.4.0",
  "vega-lite": "6.5.0",
};
