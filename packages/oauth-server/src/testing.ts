export { type FollowLoginOptions, followLogin } from './lib/testing/follow-login.js'
export {
  type MetadataCase,
  testMetadata,
} from './lib/testing/test-metadata/test-metadata.js'
export type { TestMetadataOptions } from './lib/testing/test-metadata/test-metadata-options.js'
