import { styleText } from 'node:util'
import type { Example } from './example.js'

type Row = readonly [title: string, text: string]

/**
 * What a person sees when it runs: what to paste where, and what each part is.
 *
 * @param storage what keeps the registrations, in words
 */
export function banner({ url, path, name, program, auth }: Example, storage: string, colours = false): string {
  const bold = (text: string) => (colours ? styleText('bold', text) : text)
  const rows = (entries: readonly Row[]) => entries.map(([title, text]) => `  ${bold(title.padEnd(12))} ${text}`)
  const server = url + path
  const clients: Row[] = [
    ['Claude Code', `claude mcp add --transport http ${name} ${server}`],
    ['Cursor', `.cursor/mcp.json: {"mcpServers":{"${name}":{"url":"${server}"}}}`],
    ['VS Code', `.vscode/mcp.json: {"servers":{"${name}":{"type":"http","url":"${server}"}}}`],
    ['Inspector', `npx @modelcontextprotocol/inspector --transport http --server-url ${server}`],
    ['mcp-remote', `npx mcp-remote ${server}`],
  ]
  const login: Row[] = [
    ['Tokens', `from the authorization server at ${url}, which is part of this process`],
    ['Login', 'a form for development: any name will do'],
  ]
  const parts: Row[] = [
    ['MCP server', `${program}, bridged from stdio, one process per session`],
    ...(auth ? login : [['Tokens', 'none, because of AUTH=off: whoever is on this machine gets in'] as const]),
    ['Storage', storage],
    ['Health', `${url}/health`],
  ]
  const title = `${bold('MCP Gateway is up.')} Give this address to your MCP client: ${bold(server)}`
  return ['', title, '', ...rows(clients), '', ...rows(parts), '', 'Ctrl-C stops it.', ''].join('\n')
}
