// The arrows that ARCHITECTURE.md allows, imports of types included. `npm run check -- shape` runs it.

/** The wings of core, lowest floor first: a wing imports its own floor and those before it in this list. */
const floors = [
  ['text', 'protocol', 'runtime', 'json'],
  ['contract'],
  ['http', 'pages', 'logging', 'storage', 'cache', 'outbound', 'keys'],
  ['message', 'tokens', 'oauth-client', 'mounts', 'tasks'],
  [
    'resource-server',
    'limits',
    'eras',
    'upstream-token',
    'testing',
    'identity',
    'catalogue',
    'policy',
    'pinning',
    'guards',
    'audit',
    'telemetry',
  ],
  ['gateway', 'proxy', 'vault', 'api-keys'],
]

/**
 * Files that still import each other in a circle. Each entry is to go; a new one is not to come.
 * - test-metadata: its cases and its walk take their types from the file that joins them
 */
const knownCircles = ['^packages/oauth-server/src/lib/testing/test-metadata/']

const core = '^packages/core/src/lib/'
const test = '\\.test(-d)?\\.ts$'
const oneOf = (wings) => `${core}(${wings.join('|')})/`

/** One rule for each floor but the last: nothing on it imports a floor above it. */
const upward = floors.slice(0, -1).map((wings, index) => ({
  name: `${wings[0]}-floor-imports-upward`,
  comment: 'A wing of core imports its own floor and those below it, for types too',
  severity: 'error',
  from: { path: oneOf(wings), pathNot: test },
  to: { path: oneOf(floors.slice(index + 1).flat()) },
}))

export default {
  forbidden: [
    ...upward,
    {
      name: 'wing-is-unknown',
      comment: 'A file of core is in a wing that .dependency-cruiser.mjs lists',
      severity: 'error',
      from: { path: core, pathNot: [oneOf(floors.flat()), test] },
      to: {},
    },
    {
      name: 'lib-imports-entry',
      comment: 'An entry lists what lib has; lib does not know its entries',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/lib/', pathNot: test },
      to: { path: '^packages/$1/src/[^/]+\\.ts$' },
    },
    {
      name: 'packages-import-core-alone',
      comment: 'Feature packages import entries of core, and no other package',
      severity: 'error',
      from: { path: '^packages/([^/]+)/', pathNot: test },
      to: { path: '^packages/([^/]+)/', pathNot: ['^packages/$1/', '^packages/core/src/[^/]+\\.ts$'] },
    },
    {
      name: 'core-imports-no-package',
      severity: 'error',
      from: { path: '^packages/core/src/', pathNot: test },
      to: { path: '^packages/(?!core/)' },
    },
    {
      name: 'reaches-out-of-its-package',
      comment: 'A path leads to files of the same package; another package is imported by its name',
      severity: 'error',
      from: { path: '^packages/([^/]+)/src/', pathNot: test },
      to: { pathNot: '^packages/$1/', dependencyTypes: ['local'] },
    },
    {
      name: 'sdk-is-on-no-data-path',
      comment: 'The MCP SDK is for tests',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/', pathNot: test },
      to: { path: '@modelcontextprotocol/' },
    },
    {
      name: 'no-circle',
      comment: 'Files import each other in no circle, not even for types',
      severity: 'error',
      from: { path: '^packages/', pathNot: [test, ...knownCircles] },
      to: { circular: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['@mcp-gateway/source', 'import', 'types', 'node', 'default'],
      exportsFields: ['exports'],
    },
  },
}
