// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Licence} from "../interfaces/ILicences.sol";
import {CidLib} from "../libraries/CidLib.sol";
import {Asset, Grant, SlotLib} from "../libraries/SlotLib.sol";

/// @title SlotLibHarness: writes each struct with the library and lets the compiler read it back.
contract SlotLibHarness {
    using SlotLib for Asset;
    using SlotLib for Grant;
    using SlotLib for Licence;

    Asset private _asset;
    Licence private _licence;
    Grant private _grant;

    /// @notice Write an asset.
    function writeAsset(Asset calldata asset) external {
        _asset.write(asset);
    }

    /// @notice Write a licence.
    function writeLicence(Licence calldata licence) external {
        _licence.write(licence);
    }

    /// @notice Write a grant.
    function writeGrant(Grant calldata held) external {
        _grant.write(held);
    }

    /// @notice All three as Solidity reads them.
    function read() external view returns (Asset memory, Licence memory, Grant memory) {
        return (_asset, _licence, _grant);
    }
}

/// @title CidLibHarness: opens the library to tests.
contract CidLibHarness {
    /// @notice The CID of a digest.
    function toText(bytes32 digest) external pure returns (string memory) {
        return CidLib.toText(digest);
    }

    /// @notice The `ipfs://` address of a digest.
    function uri(bytes32 digest) external pure returns (string memory) {
        return CidLib.uri(digest);
    }
}
