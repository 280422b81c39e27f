import { join } from 'node:path'
import type { NextConfig } from 'next'

process.env.NEXT_TELEMETRY_DISABLED = '1'

export default {
  turbopack: { root: join(import.meta.dirname, '../..') },
  // A compressed event stream may wait for more events before it says anything.
  compress: false,
  poweredByHeader: false,
  // The gateway knows which paths it serves, with a slash at their end or without.
  skipTrailingSlashRedirect: true,
} satisfies NextConfig
