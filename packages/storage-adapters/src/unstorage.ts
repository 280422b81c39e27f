export {
  type SingleProcessStorage,
  type SingleProcessUnstorageOptions,
  singleProcessUnstorage,
} from './lib/unstorage/single-process-unstorage.js'
export { type UnstorageLike, unstorageStorage } from './lib/unstorage/unstorage-storage.js'
