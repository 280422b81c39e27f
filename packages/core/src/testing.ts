export { type StorageProcess, serveStorage } from './lib/testing/test-storage/storage-process.js'
export { type StorageCase, type TestStorageOptions, testStorage } from './lib/testing/test-storage/test-storage.js'
