export { type MemoryStorageOptions, memoryStorage } from './lib/storage/memory-storage.js'
