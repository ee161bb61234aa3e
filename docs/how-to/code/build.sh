# Builds classify.cpp beside itself with the OpenVINO that pip has installed: sh build.sh [PYTHON]
set -e
here=$(dirname "$0")
openvino=$("${1:-python3}" -c 'import openvino; print(openvino.__path__[0])')
library=$(ls "$openvino"/libs/libopenvino.so.*)
g++ -std=c++17 -O2 -Wall -o "${CLASSIFY:-$here/classify}" "$here/classify.cpp" -I "$openvino/include" \
    "$library" -Wl,-rpath,"$openvino/libs"
