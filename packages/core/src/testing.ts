export {
  type FakeIssuer,
  type FakeIssuerOptions,
  type FakeTokenOptions,
  fakeIssuer,
} from './lib/testing/fake-issuer.js'
export {
  type FakeMcpRequest,
  type FakeMcpServer,
  type FakeMcpServerOptions,
  type FakeTool,
  fakeMcpServer,
} from './lib/testing/fake-mcp-server.js'
export { type McpRequestOptions, mcpAnswer, mcpRequest } from './lib/testing/mcp-request.js'
export type { MswHttp } from './lib/testing/msw.js'
export { type ParityReport, type TestParityOptions, testParity } from './lib/testing/test-parity.js'
export { type StorageProcess, serveStorage } from './lib/testing/test-storage/storage-process.js'
export { type StorageCase, type TestStorageOptions, testStorage } from './lib/testing/test-storage/test-storage.js'
