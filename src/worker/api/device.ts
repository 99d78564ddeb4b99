// The device, between page and worker.

/** The WebGPU device as the page shows it. */
export interface DeviceSummary {
  readonly name: string;
  readonly isSoftware: boolean;
  readonly hasF16: boolean;
  readonly hasSubgroups: boolean;
  readonly maxBufferBytes: number;
  /** Bytes held on the device now. */
  readonly liveBytes: number;
}

export interface DeviceApi {
  /** Opens the device. Rejects with one sentence, reason and remedy, when this browser cannot run Gradus. */
  openDevice(): Promise<DeviceSummary>;
  device(): Promise<DeviceSummary>;
}
