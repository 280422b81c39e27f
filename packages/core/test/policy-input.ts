import type { PolicyInput, PolicyResource, PolicySubject } from '../src/lib/contract/policy.js'

export interface Changes {
  readonly subject?: Partial<PolicySubject>
  readonly resource?: Partial<PolicyResource>
  readonly action?: string
  readonly arguments?: Readonly<Record<string, unknown>>
  readonly env?: PolicyInput['env']
}

/** What a policy is asked about a call of the tool `search`, with changes. */
export function policyInput({ subject, resource, action = 'tools/call', env, ...rest }: Changes = {}): PolicyInput {
  return {
    subject: {
      issuer: 'https://login.example.com',
      id: 'alice',
      clientId: 'app',
      scopes: [],
      roles: [],
      groups: [],
      ...subject,
    },
    action,
    resource: { server: 'https://mcp.example.com/notes/mcp', kind: 'tool', name: 'search', ...resource },
    env: env ?? { address: '192.0.2.7', time: 1_800_000_000 },
    ...rest,
  }
}
