export { encryptedStorage } from './lib/encrypted/encrypted-storage.js'
