"""The parts of ci/gpu-check.

  command       the command line: looks at everything first, runs the rows, writes the report
  failure       an error with its exit code
  pack          builds and collects what is carried to the machine with the GPU
  torch_folder  finds the torch of a Python without importing it
  machine       what the machine is
  programs      runs a program with a time limit, and watches the memory of the GPU
  rows          the rows: commands, limits, and what their output says
  resume        the row that stops and resumes a training
  weights       compares two files of weights
  report        the report as JSON and as a table, with the ratios
  original      measures the original; runs in the Python that has torch
"""
