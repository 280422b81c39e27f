import { styleText } from 'node:util'
import { clientSetups } from '@mcp-gateway/core/gateway'
import type { Example, ExampleServer } from './example.js'

/** Where things are kept, in words. */
export interface Kept {
  readonly storage: string
  readonly history?: string
}

type Row = readonly [title: string, text: string]

/**
 * What a person sees when it runs: what to paste where, and what each part is. Of the variables that a server gets it
 * tells the names alone.
 *
 * @param kept what keeps the registrations and the history, in words
 */
export function banner({ url, servers, auth, opaUrl }: Example, kept: Kept, colours = false): string {
  const bold = (text: string) => (colours ? styleText('bold', text) : text)
  const rows = (entries: readonly Row[]) => entries.map(([title, text]) => `  ${bold(title.padEnd(12))} ${text}`)
  const address = ({ path }: ExampleServer) => url + path
  const [first] = servers
  if (first === undefined) throw new Error('An example has a server')
  const clients = clientSetups(servers.map(({ name, path }) => ({ name, url: url + path }))).map(
    ({ client, where, text }): Row => [client, where === 'terminal' ? text : `${where}: ${text}`],
  )
  const login: Row[] = [
    ['Tokens', `from the authorization server at ${url}, which is part of this process`],
    ['Login', 'a form for development: any name will do'],
  ]
  const parts: Row[] = [
    ...servers.map((server): Row => ['MCP server', describe(server, servers.length > 1)]),
    ...(auth ? login : [['Tokens', 'none, because of AUTH=off: whoever is on this machine gets in'] as const]),
    ...(opaUrl === undefined ? [] : [['Policy', `an Open Policy Agent at ${opaUrl} says who may call what`] as const]),
    ['Storage', kept.storage],
    ...(kept.history === undefined ? [] : [['History', `${kept.history}; yours at ${url}/history`] as const]),
    ['Health', `${url}/health`],
  ]
  const title = `${bold('MCP Gateway is up.')} Give this address to your MCP client: ${bold(address(first))}`
  return ['', title, '', ...rows(clients), '', ...rows(parts), '', 'Ctrl-C stops it.', ''].join('\n')
}

function describe({ path, program, variables }: ExampleServer, isOneOfSeveral: boolean): string {
  const gets = variables.length === 0 ? '' : `; it gets ${variables.join(', ')}`
  return `${isOneOfSeveral ? `${path}: ` : ''}${program}${gets}`
}
