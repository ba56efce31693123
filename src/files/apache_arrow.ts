/** Apache Arrow's JavaScript library; named here and nowhere else. */
export {
  Bool,
  Data,
  DataType,
  type Decimal,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  List,
  makeData,
  Message,
  MessageHeader,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  Table,
  Uint16,
  Uint32,
  Uint64,
  Uint8,
  UnionMode,
  Utf8,
  Vector,
} from "npm:apache-arrow@21.2.0";
export { Footer } from "npm:apache-arrow@21.2.0/ipc/metadata/file";
export {
  type BufferRegion,
  DictionaryBatch as MessageDictionary,
  RecordBatch as MessageBatch,
} from "npm:apache-arrow@21.2.0/ipc/metadata/message";
export { VectorLoader } from "npm:apache-arrow@21.2.0/visitor/vectorloader";
