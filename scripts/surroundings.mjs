// What a piece of code in a document leaves out for its reader: the imports of our own names, and where the names of
// `context` come from.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'

const root = join(import.meta.dirname, '..')

/** What code may use without importing it. */
const imports = {
  Database: "import Database from 'libsql'",
  InvalidTokenError: "import { InvalidTokenError } from '@modelcontextprotocol/sdk/server/auth/errors.js'",
  OAuthError: "import { OAuthError } from '@modelcontextprotocol/server'",
  OAuthErrorCode: "import { OAuthErrorCode } from '@modelcontextprotocol/server'",
  Pool: "import { Pool } from 'pg'",
  Redis: "import { Redis } from 'ioredis'",
  createMcpHandler: "import { createMcpHandler } from '@modelcontextprotocol/server'",
  createServer: "import { createServer } from 'node:http'",
  createStorage: "import { createStorage } from 'unstorage'",
  describe: "import { describe } from 'vitest'",
  fsDriver: "import fsDriver from 'unstorage/drivers/fs'",
  pg: "import pg from 'pg'",
  redisDriver: "import redisDriver from 'unstorage/drivers/redis'",
  test: "import { test } from 'vitest'",
}

const sdk1 = "import('@modelcontextprotocol/sdk/server/auth/middleware/bearerAuth.js')"
const sdk2 = "import('@modelcontextprotocol/server')"

/** What code may use without declaring it. */
const context = {
  apiKey: 'string',
  app: "import('express').Express",
  authorizationUrl: 'string',
  bus: '{ send(events: readonly object[]): Promise<void> }',
  buildServer: `() => ${sdk2}.McpServer`,
  client: "import('ioredis').Redis",
  clientId: 'string',
  clientIds: 'string[]',
  clientSecret: 'string',
  connectionString: 'string',
  context: "import('@mcp-gateway/core').Context",
  forwardAuth: "import('@mcp-gateway/forward-auth').ForwardAuth",
  gateway: "import('@mcp-gateway/core').Mountable",
  handler: "import('@mcp-gateway/core').Handler",
  identityProvider: "import('@mcp-gateway/oauth-server').IdentityProvider",
  index: '(documents: readonly object[]) => Promise<void>',
  isMember: '(id: string | undefined) => Promise<boolean>',
  issuer: 'string',
  key: 'string',
  keys: "import('@mcp-gateway/core/api-keys').ApiKeys",
  logs: "{ getLogger(name: string): import('@mcp-gateway/core/audit').OtelLogger }",
  metrics: "import('@mcp-gateway/core/prometheus').Metrics",
  next: "import('@mcp-gateway/core').Handler",
  pool: "import('pg').Pool",
  request: 'Request',
  requireBearerAuth: `typeof ${sdk1}.requireBearerAuth & typeof ${sdk2}.requireBearerAuth`,
  resource: 'string',
  resourceMetadataUrl: 'string',
  servers: "Record<string, import('@mcp-gateway/core').Handler>",
  siem: '{ send(events: readonly object[]): Promise<void> }',
  state: 'string',
  store: "import('@mcp-gateway/core/audit').AuditStore",
  storage: "import('@mcp-gateway/core').Storage",
  tenantId: 'string',
  url: 'string',
  verifier: "import('@mcp-gateway/core').TokenVerifier",
}

/** The sources of all packages. */
export const files = readdirSync(join(root, 'packages')).flatMap((name) => sources(join(root, 'packages', name, 'src')))
const published = new Map(
  files.filter(isEntry).flatMap((file) => exported(file).map((name) => [name, specifier(file)])),
)
/**
 * The imports and declarations for the names that a piece of code uses and does not make.
 *
 * @param {string} code the piece
 * @param {string} [file] the source file that it stands in, whose own names come first
 */
export function surroundings(code, file) {
  const source = ts.createSourceFile('example.ts', code, ts.ScriptTarget.Latest)
  const used = new Set()
  const made = new Set()
  const visit = (node) => {
    if (ts.isIdentifier(node)) used.add(node.text)
    if (
      (ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node)) &&
      ts.isIdentifier(node.name)
    ) {
      made.add(node.name.text)
    }
    if ((ts.isImportSpecifier(node) || ts.isImportClause(node)) && node.name) made.add(node.name.text)
    if (ts.isFunctionDeclaration(node) && node.name) made.add(node.name.text)
    ts.forEachChild(node, visit)
  }
  visit(source)
  const own = new Set(file && exported(file))
  return [...used].flatMap((name) => {
    if (made.has(name)) return []
    if (own.has(name)) return [`import { ${name} } from './${relative(dirname(file), file).replace(/\.ts$/, '.js')}'`]
    if (Object.hasOwn(imports, name)) return [imports[name]]
    if (Object.hasOwn(context, name)) return [`declare const ${name}: ${context[name]}`]
    if (published.has(name)) return [`import { ${name} } from '${published.get(name)}'`]
    return []
  })
}

/** The names that a file exports. */
function exported(file) {
  const found = []
  for (const statement of ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest).statements) {
    if (ts.isExportDeclaration(statement) && statement.exportClause && ts.isNamedExports(statement.exportClause)) {
      found.push(...statement.exportClause.elements.map(({ name }) => name.text))
    }
    if (!statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) continue
    if (statement.name) found.push(statement.name.text)
    for (const { name } of statement.declarationList?.declarations ?? []) found.push(name.text)
  }
  return found
}

function isEntry(file) {
  return /^packages\/[^/]+\/src\/[^/]+$/.test(relative(root, file))
}

function specifier(file) {
  const [, name, entry] = relative(root, file).match(/^packages\/([^/]+)\/src\/(.+)\.ts$/)
  return `@mcp-gateway/${name}${entry === 'index' ? '' : `/${entry}`}`
}

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sources(path)
    return /(?<!\.test(-d)?)\.ts$/.test(path) ? [path] : []
  })
}
