/** A server that people add to their clients. */
export interface AddedServer {
  /** What clients call it: letters, digits, `-` and `_`. */
  readonly name: string
  /** Its URL. */
  readonly url: string
}

/** How servers are added to one client. */
export interface ClientSetup {
  /** The client. */
  readonly client: string
  /** Where the text goes: `terminal`, or the file that has it. */
  readonly where: string
  /** What to run or to write. */
  readonly text: string
}

/**
 * The texts that add MCP servers to five clients: commands, quoted where a shell needs it, and files. Of the Inspector and
 * `mcp-remote`, which take one server, they name the first.
 *
 * @example
 * ```ts
 * const setups: readonly ClientSetup[] = clientSetups([{ name: 'notes', url: 'https://mcp.example.com/notes/mcp' }])
 * ```
 */
export function clientSetups(servers: readonly AddedServer[]): readonly ClientSetup[] {
  const entries = (wrap: (server: AddedServer) => unknown) =>
    JSON.stringify(Object.fromEntries(servers.map((server) => [server.name, wrap(server)])))
  const [first] = servers
  if (first === undefined) return []
  const run = (client: string, text: string): ClientSetup => ({ client, where: 'terminal', text })
  return [
    ...servers.map(({ name, url }) => run('Claude Code', `claude mcp add --transport http ${word(name)} ${word(url)}`)),
    { client: 'Cursor', where: '.cursor/mcp.json', text: `{"mcpServers":${entries(({ url }) => ({ url }))}}` },
    {
      client: 'VS Code',
      where: '.vscode/mcp.json',
      text: `{"servers":${entries(({ url }) => ({ type: 'http', url }))}}`,
    },
    run('Inspector', `npx @modelcontextprotocol/inspector --transport http --server-url ${word(first.url)}`),
    run('mcp-remote', `npx mcp-remote ${word(first.url)}`),
  ]
}

/** A word of a POSIX shell. */
function word(text: string): string {
  return /^[\w./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** What clients may call the server at a URL: `notes` at `/notes/mcp`, the first label of the host at its root. */
export function nameOfUrl(url: string): string {
  const { hostname, pathname } = new URL(url)
  const part = pathname.split('/').findLast((segment) => segment !== '' && segment !== 'mcp')
  const name = (part ?? hostname.split('.')[0] ?? '').replaceAll(/[^\w-]+/g, '-').replaceAll(/^-+|-+$/g, '')
  return /[a-z]/i.test(name) ? name : 'mcp'
}
