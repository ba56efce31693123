/**
 * zip.js, a maintained zip library that reads any part of a file on demand, checks every checksum and refuses members that
 * overlap; named here and nowhere else. Workers are off: a module that is imported from a URL cannot start them everywhere.
 */
import { configure } from "npm:@zip.js/zip.js@2.24.0";

configure({ useWebWorkers: false, chunkSize: 2 ** 20 });

export { type Entry, type FileEntry, Reader, Writer, ZipReader, ZipWriter } from "npm:@zip.js/zip.js@2.24.0";
