export { type FollowLoginOptions, followLogin } from './lib/testing/follow-login.js'
export {
  type MetadataCase,
  type TestMetadataOptions,
  testMetadata,
} from './lib/testing/test-metadata/test-metadata.js'
