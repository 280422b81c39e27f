import { annotationsOf, type CatalogueItem } from '../catalogue/catalogue.js'
import type { Logger } from '../contract/logger.js'
import type { Policy, PolicyInput } from '../contract/policy.js'
import type { DecideOptions } from './decide.js'
import type { FindLabels } from './labels.js'
import type { Question } from './operation.js'

/** Who asks what of whom, for all questions of one request. */
export interface Asker extends DecideOptions {
  readonly rules: Policy
  readonly subject: PolicyInput['subject']
  readonly env: PolicyInput['env']
  readonly server: string
  readonly labelsOf: FindLabels
  readonly trustAnnotations: boolean
  readonly timeout: number
  readonly logger: Logger | undefined
}

/**
 * One question as a policy gets it.
 *
 * @param listed what the server says about the part
 */
export function inputOf(
  { subject, env, server, labelsOf, trustAnnotations }: Asker,
  { action, kind, name }: Question,
  listed: CatalogueItem | undefined,
): PolicyInput {
  if (name === undefined) return { subject, action, resource: { server, kind }, env }
  const labels = labelsOf(kind, name)
  const hints = trustAnnotations && listed !== undefined ? annotationsOf(listed) : undefined
  const resource = { server, kind, name }
  if (labels === undefined && hints === undefined) return { subject, action, resource, env }
  return {
    subject,
    action,
    resource: { ...resource, ...(labels && { labels }), ...(hints && { annotations: hints }) },
    env,
  }
}
